#!/usr/bin/env python3
"""Windows, over the whole program: what views say of a file, and of rows that come late, is what DuckDB says.

The windows are judged by what they mean, not by how they are made: a row is in a window when its time is between the
window's bounds, and counts in it unless the window had been given out when the row came.
"""
import json
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import leat_program  # noqa: E402
from leat_program import Server  # noqa: E402

leat_program.need_duckdb()
import duckdb  # noqa: E402

NOON = 1767268800  # 2026-01-01T12:00:00Z
ROWS = 20_000
STREAMS = """
pipeline: windows
%s
streams:
  rows:
    from: events
    columns: {id: bigint, time: {type: timestamp, unit: s}, kind: text, amount: double}
    event_time: {column: time, delay: %s}
views:
%s
"""
SELECT = """SELECT window_start, window_end, kind, count(*) AS n, sum(amount) AS amount, min(id) AS least,
             count(DISTINCT id %% 7) AS distinct_ids, last(id) AS last FROM %s GROUP BY ALL"""
VIEW = "  %s: {emit: %s%s, query: '%s'}"
# By name: the call, and in seconds from 12:00 where windows begin, how often, and their lengths.
CALLS = {
    "tumbled": ("tumble(rows, time, INTERVAL 10 MINUTE, INTERVAL 3 MINUTE)", 180, 600, [600]),
    "hopped": ("hop(rows, time, INTERVAL 5 MINUTE, INTERVAL 30 MINUTE)", 0, 300, [1800]),
    "shifted": ('hop(rows, time, size := INTERVAL 20 MINUTE, slide := INTERVAL 4 MINUTE, "offset" := INTERVAL 90 SECOND)',
                90, 240, [1200]),
    "cumulated": ("cumulate(rows, time, INTERVAL 15 MINUTE, INTERVAL 1 HOUR)", 0, 3600, [900, 1800, 2700, 3600]),
    "shifted_up": ("cumulate(rows, time, INTERVAL 20 MINUTE, INTERVAL 1 HOUR, INTERVAL 10 MINUTE)", 600, 3600,
                   [1200, 2400, 3600]),
}


def text_of(emit, names=tuple(CALLS), retain=""):
    return "\n".join(VIEW % (f"{name}_{emit}", emit, retain, (SELECT % CALLS[name][0]).replace("\n", " "))
                     for name in names)


def judge(rows):
    """A DuckDB with the rows, each with the time up to which windows had closed when it came, or None."""
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    columns = {name: [each.get(name, -10**9) for each in rows] for name in ("id", "time", "kind", "amount", "closed")}
    database.execute("""CREATE TABLE rows AS SELECT id, make_timestamp(time::BIGINT * 1000000) AS time, kind, amount,
        make_timestamp(closed::BIGINT * 1000000) AS closed, place
        FROM (SELECT unnest($id) AS id, unnest($time) AS time, unnest($kind) AS kind, unnest($amount) AS amount,
              unnest($closed) AS closed, generate_subscripts($id, 1) AS place)""", columns)
    return database


def wanted(database, name, until=None):
    """What the view says when all windows that ended by `until` have closed; None: all that there are."""
    _, begin, each, lengths = CALLS[name]
    return [list(row) for row in database.execute(f"""
        WITH windows AS (
          SELECT make_timestamp(start * 1000000) AS window_start,
                 make_timestamp((start + length) * 1000000) AS window_end
          FROM (SELECT unnest(range({NOON + begin - 100 * each}, {NOON + begin + 100 * each}, {each})) AS start),
               (SELECT unnest({lengths}) AS length))
        SELECT window_start::VARCHAR, window_end::VARCHAR, kind, count(*), round(sum(amount), 6), min(id),
               count(DISTINCT id % 7), last(id ORDER BY place)
        FROM rows JOIN windows ON time >= window_start AND time < window_end AND window_end > closed
        WHERE window_end <= make_timestamp({until or 10**10}::BIGINT * 1000000) GROUP BY ALL""").fetchall()]


def got(client, view):
    return client.sql("SELECT window_start::VARCHAR, window_end::VARCHAR, kind, n, round(amount, 6), least, distinct_ids, "
                      f"last FROM {view}")


def random_rows():
    """Three hours, up to 50 s out of order."""
    made = random.Random(5)
    for number in range(ROWS):
        second = number * 3 * 3600 // ROWS
        yield {"id": number, "time": NOON + second - made.randrange(50), "kind": made.choice(["a", "b", None, "d"]),
               "amount": made.randrange(10_000) / 4}


def read_from_files(folder, failures):
    rows = list(random_rows())
    (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = folder / "windows.yaml"
    sources = f'sources: {{files: {{file: {{path: "{folder}/in.jsonl", follow: false}}, topic: events}}}}'
    sink = f'\nsinks: {{out: {{from: hopped_on_close, file: {{path: "{folder}/out.jsonl"}}}}}}'
    path.write_text(STREAMS % (sources, "1m", text_of("on_update") + "\n" + text_of("on_close")) + sink)
    database = judge(rows)
    for again in range(2):
        ran = leat_program.run("run", path, "--once", "--quiet", "--data", folder / "data", timeout=120)
        failures.equal("exit code", (ran.returncode, ran.stderr), (0, ""))
        written = (folder / "out.jsonl").read_text().splitlines()
        failures.equal(f"run {again}: rows in the sink", len(written), len(wanted(database, "hopped")))
    with Server(path, folder / "data") as server:
        server.wait_ready()
        for name in CALLS:
            rows_wanted = wanted(database, name)
            for emit in ("on_update", "on_close"):
                leat_program.same_rows(failures, f"{name}, {emit}", got(server.client, f"{name}_{emit}"), rows_wanted)
        stream = server.client.status()["streams"][0]
        failures.equal("none is late", (stream["accepted"], stream["out"], stream["late"]), (ROWS, ROWS, 0))
        failures.equal("exit code", server.stop(), 0)


def row(number, minutes, kind="a"):
    return {"id": number, "time": NOON + int(minutes * 60), "kind": kind, "amount": number / 2}


def check_late(failures, what, server, rows, closed):
    database = judge(rows)
    for name in ("hopped", "cumulated"):
        leat_program.same_rows(failures, f"{what}: {name}, closed", got(server.client, f"{name}_on_close"),
                               wanted(database, name, closed))
    everything = judge([{**each, "closed": -10**9} for each in rows])
    leat_program.same_rows(failures, f"{what}: on update none is late", got(server.client, "hopped_on_update"),
                           wanted(everything, "hopped"))
    stream = server.client.status()["streams"][0]
    failures.equal(f"{what}: each row has one fate", stream["accepted"],
                   stream["out"] + stream["filtered"] + stream["late"] + stream["dead_letters"])


def come_late(folder, failures):
    """Rows for windows of which some have closed: refused there, counted in the others, told of once a view."""
    path = folder / "windows.yaml"
    views = text_of("on_close", ("hopped", "cumulated")) + "\n" + text_of("on_update", ("hopped",))
    path.write_text(STREAMS % ("topics: {events: {}}", "0s", views))
    # Each push is an epoch of its own. Cumulated windows end at each quarter, hopped ones at each fifth minute.
    pushes = [[row(1, 1), row(2, 14, "b"), row(3, 37)],
              [row(4, 36), row(5, 16), row(6, 2), row(7, 36.5, "b")],  # 5: late for some; 6: for all of hopped
              [row(8, 61), row(9, 59)],
              [row(10, 58), row(11, 31, "b"), row(12, 20)]]
    rows, newest = [], None
    server = Server(path, folder / "data").wait_ready()
    try:
        for number, push in enumerate(pushes):
            # In one batch each row is judged by what had closed before it.
            status, answer = server.client.push("events", push)
            failures.equal("push", status, 200)
            rows += [{**each, "closed": -10**9 if newest is None else newest} for each in push]
            newest = max([each["time"] for each in push] + ([newest] if newest else []))
            server.client.settle()
            check_late(failures, f"push {number}", server, rows, newest)
            if number == 1:
                server.kill()
                server = Server(path, folder / "data").wait_ready()
                check_late(failures, "after a kill", server, rows, newest)
        status = server.client.status()
        late = {view["name"]: view["late"] for view in status["views"]}
        # 5 and 6 come when windows up to 12:37 have closed, 10 to 12 when those up to 13:01 have.
        failures.equal("late rows of each view", late,
                       {"hopped_on_close": 5, "cumulated_on_close": 5, "hopped_on_update": 0})
        failures.equal("late rows of the stream", status["streams"][0]["late"], 5)
        letters = [json.loads(record["value"]) if isinstance(record["value"], str) else record["value"]
                   for record in server.client.records("dead_letters")]
        reasons = {(letter["view"], json.loads(letter["value"])["id"]): letter["reason"] for letter in letters}
        failures.equal("a letter for each view and row", (len(letters), len(reasons)), (10, 10))
        failures.equal("it says which windows", reasons["hopped_on_close", 5],
                       "4 of its 6 windows of view hopped_on_close are closed, it counts in the others: the watermark "
                       "has passed them")
        failures.equal("or that it is all of them", reasons["hopped_on_close", 6],
                       "its 6 windows of view hopped_on_close are closed: the watermark has passed them")
        failures.equal("or it", reasons["cumulated_on_close", 10],
                       "its window of view cumulated_on_close is closed: the watermark has passed it")
        failures.equal("exit code", server.stop(), 0)
    finally:
        server.kill()


if __name__ == "__main__":
    leat_program.run_each(read_from_files, come_late)
