#!/usr/bin/env python3
"""Tries the kill test's judge: true evidence passes, each kind of false evidence is caught."""
import contextlib
import copy
import io
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import leat_program  # noqa: E402

leat_program.need_duckdb()
import judge  # noqa: E402
import load  # noqa: E402

FLUSH_VERSION = 90_000


def record(producer, seq, key, version, amount, code=None):
    made = {"producer": producer, "seq": seq, "key": key, "version": version, "amount": amount,
            "code": str(amount) if code is None else code, "at": load.event_time(version)}
    made["check"] = load.checksum(made)
    return made


def true_evidence():
    """A small run: two partitions, one request of each fate, each kind of dead letter."""
    requests = [  # client, fate, partition, records
        ("a", "acknowledged", 0, [record("a", 0, "k0", 1, 5), record("a", 1, "k0", 2, 8)]),
        ("b", "acknowledged", 1, [record("b", 0, "k1", 3, 6)]),
        ("a", "acknowledged", 0, [record("a", 2, "k0", 4, 10), record("a", 3, "k0", 5, "many")]),
        ("b", "unknown", 1, [record("b", 1, "k1", 6, 13), record("b", 2, "k1", 7, 18)]),
        ("b", "unknown", None, [record("b", 3, "k1", 8, 1)]),
        ("a", "acknowledged", 0, [record("a", 4, "k0", 70, 1, "x1"), record("a", 5, "k0", 71, 2)]),
        ("flush", "acknowledged", 0, [record("flush", 0, "f0", FLUSH_VERSION, 0)]),
        ("flush", "acknowledged", 1, [record("flush", 1, "f1", FLUSH_VERSION, 0)]),
    ]
    ledger, records, ends, numbers = [], [], {0: 0, 1: 0}, {}
    for client, fate, partition, sent in requests:
        number = numbers[client] = numbers.get(client, -1) + 1
        ledger += [{"client": client, "request": number, **r} for r in sent]
        if partition is not None:
            first = ends[partition]
            records += [{"partition": partition, "offset": first + i, "key": r["key"], "value": r}
                        for i, r in enumerate(sent)]
            ends[partition] += len(sent)
        ledger.append({"client": client, "request": number, "fate": fate})
        if fate == "acknowledged":
            ledger[-1]["answer"] = {"partition": partition, "first_offset": first}
    letter = lambda stage, p, o, **more: {"stage": stage, "stream": "clean",  # noqa: E731
                                          "partition": str(p), "offset": o, **more}
    letters = [letter("decode", 0, 3), letter("expect", 1, 1), letter("select", 0, 4),
               {**letter("late", 1, 2, view="hasty_closed", windows_closed=1), "stream": "hasty"},
               {**letter("late", 1, 1, view="hasty_sliding", windows_closed=2), "stream": "hasty"}]
    evidence = judge.Evidence(
        ledger=ledger, records=records, pulled=[{"value": {"id": i, "part": "p"}} for i in (0, 1, 5)],
        pulled_given=10, lines=[{"n": 0, "part": "q"}, {"n": 1, "part": "q"}], dead_letters=letters,
        status={"views": [{"name": "hasty_closed", "late": 1}, {"name": "hasty_sliding", "late": 1},
                          {"name": "totals", "late": 0}],
                "streams": []}, views={}, sinks={}, flushed_version=FLUSH_VERSION)
    fill_from_topics(evidence)
    return evidence


def fill_from_topics(evidence):
    """What a right program would hold, show and have written."""
    database = judge.open_database(evidence)
    evidence.views = {name: [list(row) for row in database.execute(query).fetchall()]
                      for name, query in judge.VIEWS.items()}

    def stream(name, accepted, out, filtered, late, dead, **more):
        return {"name": name, "accepted": accepted, "out": out, "filtered": filtered, "late": late,
                "dead_letters": dead, **more}
    evidence.status["streams"] = [
        stream("clean", 11, 6, 2, 0, 3, expectations=[
            {"name": "not_thirteen", "passed": 8, "refused": 1}]),
        stream("hasty", 11, 9, 0, 2, 0), stream("pulled_rows", 3, 3, 0, 0, 0),
        stream("line_rows", 2, 2, 0, 0, 0)]
    rows = database.execute('SELECT "partition", "offset", version FROM clean ORDER BY ALL')
    evidence.sinks["clean_rows"] = [
        {"partition": p, "offset": o, "version": v} for p, o, v in rows.fetchall()]

    def named(row):
        return {f"c{i}": value for i, value in enumerate(row)}
    evidence.sinks["closed"] = [named(row) for row in evidence.views["minutes_closed"]]
    for sink, view in (("totals_changes", "totals"), ("bucket_changes", "buckets")):
        changes = []
        for row in evidence.views[view]:
            older = [row[0], *(None for _ in row[1:])]
            changes += [{"weight": 1, **named(older)}, {"weight": -1, **named(older)},
                        {"weight": 1, **named(row)}]
        evidence.sinks[sink] = changes


def judged(evidence):
    failures = leat_program.Failures()
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        judge.judge(evidence, failures)
    return failures, said.getvalue()


def set_row(rows, i, value):
    rows[0] = list(rows[0])
    rows[0][i] = value


def swap_offsets(evidence):
    """Two records of one producer and key change places."""
    first, second = evidence.records[0], evidence.records[1]
    first["value"], second["value"] = second["value"], first["value"]


# what is wrong, how it is made wrong, what the judge must say
FALSE = [
    ("an acknowledged record is lost", lambda e: e.records.pop(2), "acknowledged records are there"),
    ("a record is there twice",
     lambda e: e.records.append({**e.records[0], "offset": 99}), "no record twice"),
    ("an unknown record is there twice", lambda e: e.records.extend(
        {**r, "offset": 50 + r["offset"]} for r in list(e.records)
        if r["value"]["producer"] == "b" and r["value"]["seq"] == 1), "no record twice"),
    ("a record nobody sent", lambda e: e.records.append(
        {"partition": 1, "offset": 77, "key": "k9", "value": record("z", 0, "k9", 9, 1)}),
     "nobody sent"),
    ("a record was changed", lambda e: e.records[0]["value"].update(amount=6), "as it was sent"),
    ("two records changed places", swap_offsets, "keep their order"),
    ("an acknowledgement named another place",
     lambda e: e.ledger[2]["answer"].update(first_offset=3), "acknowledged offset"),
    ("a key in two partitions", lambda e: e.records[1].update(partition=1, offset=90),
     "one partition"),
    ("a pulled record twice", lambda e: e.pulled.append(e.pulled[-1]), "pulled record twice"),
    ("a pulled record from nowhere", lambda e: e.pulled.append({"value": {"id": 99, "part": "p"}}),
     "not given"),
    *[(f"a wrong row in {view}", lambda e, view=view: set_row(e.views[view], -1, 424242),
       f"view {view} is") for view in judge.VIEWS],
    *[(f"a row too many in {view}", lambda e, view=view: e.views[view].append(e.views[view][0]),
       f"view {view} is") for view in judge.VIEWS],
    *[(f"a row too few in {view}", lambda e, view=view: e.views[view].pop(),
       f"view {view} is") for view in judge.VIEWS],
    ("a line of the file lost", lambda e: e.lines.append({"n": 2, "part": "q"}), "view line_totals"),
    ("a dead letter twice", lambda e: e.dead_letters.append(e.dead_letters[0]),
     "no dead letter twice"),
    ("a dead letter lost", lambda e: e.dead_letters.pop(0), "dead letters that must be"),
    ("a dead letter for a good record",
     lambda e: e.dead_letters.append({**e.dead_letters[0], "offset": 0}), "dead letters that must be"),
    ("a late row without its letter", lambda e: e.dead_letters.pop(3), "late rows are dead letters"),
    *[(f"{name} of {stream} is one off",
       lambda e, i=i, name=name: e.status["streams"][i].update(
           {name: e.status["streams"][i][name] + 1}), "accepted = out + filtered")
      for i, stream in enumerate(("clean", "hasty", "pulled_rows", "line_rows"))
      for name in ("accepted", "out", "filtered", "late", "dead_letters")],
    ("counters that agree and are wrong", lambda e: e.status["streams"][0].update(
        accepted=12, out=7), "records accepted"),
    ("an expectation miscounted",
     lambda e: e.status["streams"][0]["expectations"][0].update(refused=2), "refused"),
    ("a change written twice",
     lambda e: e.sinks["totals_changes"].append(e.sinks["totals_changes"][-1]), "adds up"),
    ("a change not written", lambda e: e.sinks["bucket_changes"].pop(), "adds up"),
    ("a row taken back that never was", lambda e: e.sinks["bucket_changes"].append(
        {"weight": -1, "c0": 99, "c1": 1, "c2": 1, "c3": 1, "c4": 1}), "takes back nothing"),
    ("a closed window twice", lambda e: e.sinks["closed"].append(e.sinks["closed"][0]),
     "each window once"),
    ("a written row twice", lambda e: e.sinks["clean_rows"].append(e.sinks["clean_rows"][0]),
     "each row once"),
    ("a written row lost", lambda e: e.sinks["clean_rows"].pop(), "each row once"),
    ("written rows in another order", lambda e: e.sinks["clean_rows"].reverse(),
     "order of each partition"),
]


def main():
    results = leat_program.Failures()
    failures, said = judged(true_evidence())
    results.check("true evidence passes", failures.failed == 0, said)
    results.check("true evidence has rows in every view", all(true_evidence().views.values()))
    for what, falsify, expected in FALSE:
        evidence = copy.deepcopy(true_evidence())
        falsify(evidence)
        failures, said = judged(evidence)
        results.check(f"caught: {what}", failures.failed > 0 and expected in said,
                      f"wanted {expected!r} in {said!r}")
    results.end()


if __name__ == "__main__":
    main()
