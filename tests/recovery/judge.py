"""Judges what the program holds at the end, by what was sent, answered and written on the way.

Everything here looks at an Evidence alone, so that the judge itself can be tried with false ones.
"""
import collections
import dataclasses
import json

import duckdb

import leat_program
import load

CLEAN = """SELECT "partition", "offset", producer, seq, key, version, happened, amount, code::INTEGER AS code
           FROM events WHERE amount IS NOT NULL AND code <> 'x1' AND amount % 7 <> 3
                             AND amount <> 13 AND amount <> 18"""
LATEST = """SELECT key, arg_max(producer, "offset") AS producer, arg_max(seq, "offset") AS seq,
                   arg_max(version, "offset") AS version, arg_max(amount, "offset") AS amount
            FROM clean GROUP BY key"""
TEXT = "strftime({}, '%Y-%m-%dT%H:%M:%S.%gZ')"

# What each view's columns must be, by DuckDB over the topics' content.
VIEWS = {
    "latest": "SELECT key, producer, seq, version, amount FROM latest",
    "newest": """SELECT key, arg_max(producer, version), arg_max(seq, version), max(version),
                        arg_max(amount, version) FROM clean GROUP BY key""",
    "totals": f"""SELECT key, count(*), sum(amount), avg(amount), {TEXT.format('min(happened)')},
                         max(version), count(DISTINCT code) FROM clean GROUP BY key""",
    "buckets": """SELECT amount % 5, count(*), sum(amount), max(version), min(version)
                  FROM latest GROUP BY ALL""",
    "minutes": f"""SELECT {TEXT.format("time_bucket(INTERVAL '1 minute', happened)")}, key, count(*),
                          sum(amount) FROM clean GROUP BY ALL""",
    "minutes_closed": f"""SELECT {TEXT.format("time_bucket(INTERVAL '1 minute', happened)")}, count(*),
                                 sum(amount) FROM closing GROUP BY ALL""",
    "hasty_closed": f"""SELECT {TEXT.format("time_bucket(INTERVAL '10 seconds', happened)")}, count(*),
                               sum(version) FROM hasty GROUP BY ALL""",
    "hasty_sliding": f"""SELECT {TEXT.format("window_start")}, count(*), sum(version)
                         FROM sliding GROUP BY ALL""",
    "pulled_totals": "SELECT part, count(*), sum(id) FROM pulled GROUP BY part",
    "line_totals": "SELECT part, count(*), sum(n) FROM lines GROUP BY part",
}


@dataclasses.dataclass
class Evidence:
    ledger: list        # lines of all clients' ledgers, each client's in order
    records: list       # the topic `events`, as the API gives it
    pulled: list        # the topic `pulled`
    pulled_given: int   # items 0, 1, … that the API gave
    lines: list         # the followed file's records
    dead_letters: list  # values of the topic
    status: dict
    views: dict         # rows by name
    sinks: dict         # rows by name, as objects, in the order of the files
    flushed_version: int  # of the records that closed the windows


def judge(evidence, failures):
    check_deliveries(evidence, failures)
    check_order(evidence, failures)
    check_pulled(evidence, failures)
    database = open_database(evidence)
    check_views(evidence, database, failures)
    check_dead_letters(evidence, database, failures)
    check_counts(evidence, database, failures)
    check_sinks(evidence, database, failures)


def identity_of(record):
    return record["producer"], record["seq"]


def check_deliveries(evidence, failures):
    """acknowledged ⊆ output ⊆ acknowledged ∪ unknown, each at most once, and as it was sent."""
    fate = {}
    sent = {}
    for entry in evidence.ledger:
        if "fate" in entry:
            fate[entry["client"], entry["request"]] = entry
    for entry in evidence.ledger:
        if "fate" not in entry:
            sent[identity_of(entry)] = entry
    found = collections.Counter(identity_of(record["value"]) for record in evidence.records)
    twice = [who for who, times in found.items() if times > 1]
    failures.check("no record twice", not twice, twice[:5])
    acknowledged = {who for who, entry in sent.items()
                    if fate.get((entry["client"], entry["request"]), {}).get("fate") == "acknowledged"}
    failures.check(f"all {len(acknowledged)} acknowledged records are there",
                   acknowledged <= set(found), sorted(acknowledged - set(found))[:5])
    failures.check("nothing is there that nobody sent", set(found) <= set(sent),
                   sorted(set(found) - set(sent))[:5])
    changed = [record["value"] for record in evidence.records
               if load.checksum(record["value"]) != record["value"].get("check")]
    failures.check("every record is as it was sent", not changed, changed[:3])
    check_offsets(evidence, fate, sent, failures)


def check_offsets(evidence, fate, sent, failures):
    """Each record is at the offsets that its acknowledgement named."""
    wrong = []
    place = {identity_of(r["value"]): (r["partition"], r["offset"]) for r in evidence.records}
    requests = collections.defaultdict(list)
    for who, entry in sent.items():
        requests[entry["client"], entry["request"]].append(who)
    for request, entry in fate.items():
        if entry["fate"] != "acknowledged":
            continue
        answer = entry["answer"]
        for i, who in enumerate(sorted(requests[request])):
            if place.get(who) != (answer["partition"], answer["first_offset"] + i):
                wrong.append((who, place.get(who), answer))
    failures.check("every record is at the acknowledged offset", not wrong, wrong[:3])


def check_order(evidence, failures):
    last = {}
    swapped = []
    partitions = collections.defaultdict(set)
    for record in evidence.records:
        value = record["value"]
        stream = value["producer"], value["key"], record["partition"]
        if record["key"] is not None:
            partitions[record["key"]].add(record["partition"])
        if last.get(stream, -1) >= value["seq"]:
            swapped.append((stream, value["seq"], last[stream]))
        last[stream] = value["seq"]
    failures.check("records of a producer and key keep their order", not swapped, swapped[:5])
    spread = {key: sorted(at) for key, at in partitions.items() if len(at) > 1}
    failures.check("a key has one partition", not spread, spread)


def check_pulled(evidence, failures):
    ids = [record["value"]["id"] for record in evidence.pulled]
    failures.check("no pulled record twice, and in order", ids == sorted(set(ids)))
    failures.check("no pulled record that was not given",
                   all(0 <= number < evidence.pulled_given for number in ids))
    failures.check("something was pulled", len(ids) > 0)


def open_database(evidence):
    database = duckdb.connect()
    database.execute("""CREATE TABLE raw (p BIGINT, o BIGINT, value JSON);
                        CREATE TABLE late (view VARCHAR, p BIGINT, o BIGINT, closed BIGINT);
                        CREATE TABLE pulled (id BIGINT, part VARCHAR);
                        CREATE TABLE lines (n BIGINT, part VARCHAR)""")

    def fill(table, rows):
        if rows:
            columns = list(zip(*rows))
            names = [f"c{i}" for i in range(len(columns))]
            unnested = ", ".join(f"unnest(${name}) AS {name}" for name in names)
            database.execute(f"INSERT INTO {table} SELECT {unnested}",
                             {name: list(column) for name, column in zip(names, columns)})

    fill("raw", [(r["partition"], r["offset"], json.dumps(r["value"])) for r in evidence.records])
    fill("late", [(letter["view"], int(letter["partition"]), letter["offset"], letter["windows_closed"])
                  for letter in evidence.dead_letters if letter["stage"] == "late"])
    fill("pulled", [(r["value"]["id"], r["value"]["part"]) for r in evidence.pulled])
    fill("lines", [(line["n"], line["part"]) for line in evidence.lines])
    database.execute(f"""
      CREATE TABLE events AS SELECT p AS "partition", o AS "offset", value->>'producer' AS producer,
        (value->>'seq')::BIGINT AS seq, value->>'key' AS key, (value->>'version')::BIGINT AS version,
        (value->>'at')::TIMESTAMPTZ AT TIME ZONE 'UTC' AS happened,
        TRY_CAST(value->>'amount' AS INTEGER) AS amount, value->>'code' AS code FROM raw;
      CREATE TABLE clean AS {CLEAN};
      CREATE TABLE latest AS {LATEST};
      CREATE VIEW closing AS SELECT * FROM clean WHERE version <> {evidence.flushed_version} AND
        ("partition", "offset") NOT IN (SELECT (p, o) FROM late WHERE view = 'minutes_closed');
      CREATE VIEW hasty AS SELECT * FROM events WHERE version <> {evidence.flushed_version} AND
        ("partition", "offset") NOT IN (SELECT (p, o) FROM late WHERE view = 'hasty_closed');
      -- Each record is in three windows; those that end first are the ones that had closed.
      CREATE VIEW sliding AS SELECT version,
        time_bucket(INTERVAL '5 seconds', happened) - number * INTERVAL '5 seconds' AS window_start
        FROM events LEFT JOIN late ON view = 'hasty_sliding' AND p = "partition" AND o = "offset",
             range(3) AS windows(number)
        WHERE version <> {evidence.flushed_version} AND number < 3 - coalesce(closed, 0)""")
    return database


def check_views(evidence, database, failures):
    for name, query in VIEWS.items():
        wanted = [list(row) for row in database.execute(query).fetchall()]
        leat_program.same_rows(failures, f"view {name} is what DuckDB says",
                               evidence.views[name], wanted)
    failures.check("nothing is late where an hour is granted", not database.execute(
        "SELECT count(*) FROM late WHERE view = 'minutes_closed'").fetchone()[0])


def check_dead_letters(evidence, database, failures):
    got = collections.Counter(
        (letter["stage"], letter["stream"], letter.get("view", ""), int(letter["partition"]),
         letter["offset"]) for letter in evidence.dead_letters)
    twice = [letter for letter, times in got.items() if times > 1]
    failures.check("no dead letter twice", not twice, twice[:5])
    wanted = set(database.execute("""
      SELECT 'decode', 'clean', '', "partition", "offset" FROM events WHERE amount IS NULL
      UNION ALL SELECT 'select', 'clean', '', "partition", "offset" FROM events
                WHERE code = 'x1' AND amount % 7 <> 3
      UNION ALL SELECT 'expect', 'clean', '', "partition", "offset" FROM events
                WHERE amount = 13""").fetchall())
    not_late = {letter for letter in got if letter[0] != "late"}
    failures.check(f"all {len(wanted)} dead letters that must be, and no others",
                   not_late == wanted,
                   f"missing {sorted(wanted - not_late)[:3]}, too many {sorted(not_late - wanted)[:3]}")
    late = collections.Counter(letter[2] for letter in got if letter[0] == "late")
    counted = {view["name"]: view["late"] for view in evidence.status["views"] if view["late"]}
    failures.equal("late rows are dead letters", dict(late), counted)


def check_counts(evidence, database, failures):
    """Nothing is unaccounted for, and every counter is what it counts."""
    streams = {stream["name"]: stream for stream in evidence.status["streams"]}
    for name, stream in streams.items():
        failures.equal(f"stream {name}: accepted = out + filtered + late + dead letters",
                       stream["accepted"], stream["out"] + stream["filtered"] + stream["late"]
                       + stream["dead_letters"])
    one = lambda query: database.execute(query).fetchone()[0]  # noqa: E731
    clean = streams["clean"]
    failures.equal("records accepted", clean["accepted"], one("SELECT count(*) FROM events"))
    failures.equal("rows out", clean["out"], one("SELECT count(*) FROM clean"))
    failures.equal("dead letters", clean["dead_letters"], one(
        """SELECT count(*) FROM events WHERE amount IS NULL OR (code = 'x1' AND amount % 7 <> 3)
           OR amount = 13"""))
    failures.equal("hasty: accepted", streams["hasty"]["accepted"],
                   one("SELECT count(*) FROM events"))
    failures.equal("hasty: late", streams["hasty"]["late"],
                   one("SELECT count(DISTINCT (p, o)) FROM late WHERE view LIKE 'hasty_%'"))
    failures.equal("lines accepted", streams["line_rows"]["accepted"],
                   one("SELECT count(*) FROM lines"))
    failures.equal("pulled accepted", streams["pulled_rows"]["accepted"],
                   one("SELECT count(*) FROM pulled"))
    passed, refused = next((e["passed"], e["refused"]) for e in clean["expectations"]
                           if e["name"] == "not_thirteen")
    failures.equal("rows refused by the expectation", refused,
                   one("SELECT count(*) FROM events WHERE amount = 13"))
    failures.check("rows passed the expectation", passed >= clean["out"], passed)


def added_up(changes):
    rows = collections.Counter()
    for change in changes:
        row = {name: value for name, value in change.items() if name != "weight"}
        rows[json.dumps(list(row.values()))] += change["weight"]
    negative = [row for row, weight in rows.items() if weight < 0]
    return [json.loads(row) for row, weight in rows.items() for _ in range(weight)], negative


def check_sinks(evidence, database, failures):
    for sink, view in (("totals_changes", "totals"), ("bucket_changes", "buckets")):
        rows, negative = added_up(evidence.sinks[sink])
        failures.check(f"sink {sink} takes back nothing that it never put in", not negative,
                       negative[:3])
        leat_program.same_rows(failures, f"sink {sink} adds up to the view", rows,
                               evidence.views[view])
    leat_program.same_rows(failures, "sink closed has each window once",
                           [list(row.values()) for row in evidence.sinks["closed"]],
                           evidence.views["minutes_closed"])
    rows = evidence.sinks["clean_rows"]
    wanted = database.execute('SELECT "partition", "offset", version FROM clean').fetchall()
    leat_program.same_rows(failures, "sink clean_rows has each row once",
                           [[r["partition"], r["offset"], r["version"]] for r in rows],
                           [list(row) for row in wanted])
    last = {}
    swapped = []
    for row in rows:
        if last.get(row["partition"], -1) >= row["offset"]:
            swapped.append((row["partition"], row["offset"]))
        last[row["partition"]] = row["offset"]
    failures.check("sink clean_rows keeps the order of each partition", not swapped, swapped[:5])
