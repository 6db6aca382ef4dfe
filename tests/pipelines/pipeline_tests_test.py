#!/usr/bin/env python3
"""`leat test` as a user gives it: the bundled tests, failures and what is shown of them, faults, JUnit, JSON."""
import json
import os
import pathlib
import pty
import re
import sys
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import leat_program  # noqa: E402
from leat_program import PROJECT, run  # noqa: E402

BUNDLED = ["pipelines/users.yaml", "pipelines/sensors.yaml", "pipelines/clicks.yaml", "tests/pipelines/queries.yaml",
           "tests/pipelines/results.yaml", "tests/pipelines/times.yaml", "tests/pipelines/keys.yaml",
           "tests/pipelines/asof.yaml", "tests/pipelines/ttl.yaml"]
MS_MAX = 2000  # of a test, on a machine that is busy with others; far more than it takes
ESCAPE = "\x1b"

SHOP = """\
pipeline: shop
sources:
  orders_api: {http: {url: "http://127.0.0.1:1/orders"}, topic: orders}
topics:
  shipped: {partitions: 2}
  changes: {partitions: 2}
  visited: {partitions: 2}
tables:
  cities:
    cassandra: {hosts: ["127.0.0.1:1"], table: shop.cities}
    columns: {name: text, country: text}
    key: name
streams:
  orders_clean:
    from: orders
    columns:
      id: {type: bigint, required: true}
      customer: text
      amount: decimal(12,2)
      tags: "text[]"
      at: timestamp
      place: struct(city text, zip text)
      weight: double
    expect:
      positive: {that: "amount > 0"}
      small: {that: amount < 1000000, else: fail}
  changed:
    from: changes
    columns:
      key: {type: text, field: $key}
      at: {type: timestamp, field: $timestamp}
      partition: {type: integer, field: $partition}
      gone: {type: boolean, field: $tombstone}
      n: integer
  placed:
    from: orders_clean
    select: SELECT o.id, c.country FROM orders_clean o LEFT JOIN cities c ON c.name = o.place.city
  shipments:
    from: shipped
    columns: {id: bigint, at: timestamp}
    event_time: {column: at, delay: 0s, idle_after: 30s}
  visits:
    from: visited
    columns: {id: bigint, at: timestamp}
    event_time: {column: at, delay: 5s, idle_after: 30s, when_idle: go_on}
views:
  by_customer:
    query: |
      SELECT customer, count(*) AS orders, sum(amount) AS amount, avg(weight) AS weight
      FROM orders_clean GROUP BY customer
  per_minute:
    query: "SELECT window_start, count(*) AS n FROM tumble(shipments, \\"at\\", INTERVAL '1 minute') GROUP BY window_start"
    emit: on_close
  visits_per_minute:
    query: "SELECT window_start, count(*) AS n FROM tumble(visits, \\"at\\", INTERVAL '1 minute') GROUP BY window_start"
    emit: on_close
sinks:
  out: {from: per_minute, file: {path: must_not_be_written.jsonl}}
tests:
"""
TWO_ORDERS = """\
    given:
      - topic: orders
        records:
          - {id: 1, customer: Ada, amount: 1.10, weight: 0.1, tags: [a, b], place: {city: Ulm, zip: 01},
             at: "2026-01-01T01:00:00+01:00"}
          - {id: 2, customer: Bo, amount: -1}
"""
PASSES = [
    ("types", TWO_ORDERS + """\
    expect:
      - stream: orders_clean
        rows: [{id: 1, amount: 1.1, tags: [a, b], place: {zip: "01", city: Ulm}, at: 2026-01-01 00:00:00, weight: 0.1}]
"""),
    ("a tolerance", TWO_ORDERS + """\
    expect: [{view: by_customer, rows: [{customer: Ada, weight: 0.11}], tolerance: 0.01}]
"""),
    ("others", TWO_ORDERS + """\
    expect:
      - {view: by_customer, rows: [], others: true}
      - {dead_letters: [], others: true}
"""),
    ("an order that must be found", """\
    given:
      - topic: orders
        records: [{id: 1, customer: a, amount: 0}, {id: 2, customer: b, amount: 0}, {id: 3, amount: 0}]
    expect: [{dead_letters: [{stage: expect}, {value: '"b"'}, {value: '"a"'}]}]
"""),
    ("a table", """\
    given:
      - {table: cities, rows: [{name: Ulm, country: DE}, {name: Bergen, country: "NO"}]}
      - {topic: orders, records: [{id: 1, place: {city: Bergen}, amount: 1}, {id: 2, place: {city: Oslo}, amount: 1}]}
      - {table: cities, rows: [{name: Oslo, country: "NO"}]}
      - {stream: shipments, rows: [{id: 1}]}
      - {topic: orders, records: [{id: 3, place: {city: Oslo}, amount: 1}]}
    expect: [{stream: placed, rows: [{id: 1, country: "NO"}, {id: 2, country: null}, {id: 3, country: "NO"}]}]
"""),
    ("records of a file", """\
    given: [{topic: orders, records: "${file:orders.jsonl}"}]
    expect: [{stream: orders_clean, rows: [{id: 7, customer: "Cy, of \\"Ärger\\""}, {id: 8, customer: null}]}]
"""),
    ("keys, times and tombstones", """\
    now: 2026-01-01T00:00:00Z
    given:
      - {topic: changes, key: a, partition: 1, records: [{n: 1}, null]}
      - {topic: changes, timestamp: 2025-12-31T00:00:00Z, records: ["[]"]}
    expect:
      - stream: changed
        rows:
          - {key: a, at: 2026-01-01T00:00:00Z, partition: 1, gone: false, n: 1}
          - {key: a, at: 2026-01-01T00:00:00Z, partition: 1, gone: true, n: null}
          - {key: null, at: 2025-12-31T00:00:00Z, partition: 0, gone: false, n: null}
"""),
    ("a failure", """\
    given: [{topic: orders, records: [{id: 1, amount: 2000000}]}]
    expect: [{failure: expectation small}, {view: by_customer, rows: []}]
"""),
    ("a partition that falls idle", """\
    now: 2026-01-01T00:00:00Z
    steps:
      - given:
          - {stream: shipments, partition: 0, rows: [{id: 1, at: "2026-01-01T00:00:30Z"}, {id: 2, at: "2026-01-01T00:01:30Z"}]}
          - {stream: shipments, partition: 1, rows: [{id: 3, at: "2026-01-01T00:00:40Z"}]}
        expect: [{view: per_minute, rows: []}]
      - given:
          - advance: 2026-01-01T00:00:29Z
          - {stream: shipments, partition: 0, rows: [{id: 4, at: "2026-01-01T00:01:40Z"}]}
        expect: [{view: per_minute, rows: []}]
      - given: [{advance: 2s}]
        expect: [{view: per_minute, rows: [{window_start: "2026-01-01T00:00:00Z", n: 2}]}]
"""),
    ("silence, in which event time goes on", """\
    now: 2026-01-01T00:00:00Z
    steps:
      - given: [{stream: visits, rows: [{id: 1, at: "2026-01-01T00:00:30Z"}]}, {advance: 29s}]
        expect: [{view: visits_per_minute, rows: []}]
      - given: [{advance: 7s}]
        expect: [{view: visits_per_minute, rows: [{window_start: "2026-01-01T00:00:00Z", n: 1}]}]
      - given: [{stream: visits, rows: [{id: 2, at: "2026-01-01T00:00:45Z"}, {id: 3, at: "2026-01-01T00:01:45Z"}]}]
        expect: [{dead_letters: [{stage: late, stream: visits}]}]
"""),
    ("a clock that an event is ahead of", """\
    now: 2026-01-01T00:00:00Z
    given: [{stream: shipments, rows: [{id: 1, at: "2026-01-01T00:00:30Z"}, {id: 2, at: "2027-01-01T00:00:30Z"}]}]
    expect:
      - {view: per_minute, rows: []}
      - {dead_letters: [{stage: future, stream: shipments, column: at, reason: ahead of the clock}]}
"""),
    ("no clock to be ahead of, and an end", """\
    given:
      - {stream: shipments, rows: [{id: 1, at: "2026-01-01T00:00:30Z"}, {id: 2, at: "2027-01-01T00:00:30Z"}]}
      - end: true
    expect: [{view: per_minute, rows: [{n: 1}, {n: 1}]}]
"""),
]
FAILS = [
    ("one value", TWO_ORDERS + """\
    expect:
      - view: by_customer
        rows: [{customer: Ada, orders: 2}]
""", r":\d+:9: view by_customer: 0 rows as expected, 1 not there, 1 not expected\n"
     r".*customer  orders.*\n.*\n +expected  Ada +2 *\n +came +Ada +1  ← orders"),
    ("a row too many", TWO_ORDERS + "    expect: [{stream: orders_clean, rows: []}]\n",
     r"stream orders_clean: 0 rows as expected, 1 not expected"),
    ("a row too few", TWO_ORDERS + """\
    expect: [{view: by_customer, rows: [{customer: Ada}, {customer: null}]}]
""", r"1 row as expected, 1 not there\n(.*\n)*.*expected +NULL"),
    ("a double outside of the tolerance", TWO_ORDERS + """\
    expect: [{view: by_customer, rows: [{weight: 0.12}], tolerance: 0.01}]
""", r"expected +0\.12"),
    ("another reason", TWO_ORDERS + """\
    expect: [{dead_letters: [{stage: decode, reason: too bad}]}]
""", r"dead letters: .*1 not there, 1 not expected\n(.*\n)*.*expected +decode +…too bad…"),
    ("dead letters are shown where nobody asks for them", TWO_ORDERS + """\
    expect: [{view: by_customer, rows: [{customer: Bo}]}]
""", r"went to the dead letters: stream orders_clean, expect, positive: .*Bo"),
    ("a stop", """\
    given: [{topic: orders, records: [{id: 1, amount: 2000000}]}]
    expect: [{view: by_customer, rows: []}]
""", r"pipeline: it stops: .*small"),
    ("no stop", TWO_ORDERS + "    expect: [{failure: small}]\n", "pipeline: it did not stop"),
]
# What `leat check` says of tests that are no tests: entry, then a part of each finding.
FAULTY = """\
  - name: names
    given: [{topic: ordrs, records: []}, {stream: order_clean, rows: []}, {topic: orders_clean, records: []}]
    expect: [{view: by_custmer, rows: []}, {view: by_customer, rows: [{custmer: a}]}, {stream: by_customer, rows: []}]
  - name: types
    given: [{stream: orders_clean, rows: [{id: one, amount: "a lot", at: 2026-13-01}]}]
    expect: [{view: by_customer, rows: [{orders: "2"}]}]
  - name: shapes
    given: [{topic: orders}, {records: []}, {topic: orders, stream: orders_clean}, {topic: shipped, partition: 2, records: []}]
    expect: [{view: by_customer}, {dead_letters: [{stage: decoding}]}]
  - name: time
    given: [{advance: 2026-01-01T00:00:00Z}, {advance: soon}, {end: true}, {topic: orders, records: []}]
    expect: [{failure: a, rows: []}]
  - name: back
    now: 2026-01-01T00:00:10Z
    given: [{advance: 2026-01-01T00:00:00Z}]
    expect: [{dead_letters: []}]
  - name: back
    given: []
"""
FINDINGS = [
    'unknown-name.*"ordrs"; did you mean "orders"', 'unknown-name.*"order_clean"; did you mean "orders_clean"',
    'wrong-input.*"orders_clean" is a stream', 'unknown-name.*"by_custmer"; did you mean "by_customer"',
    'unknown-column.*"custmer"; did you mean "customer"', 'wrong-input.*"by_customer" is a view',
    'test-value.*"id" of the stream "orders_clean"', 'test-value.*"amount"', 'test-value.*"at"',
    'test-value.*"orders" of the view', 'missing-key.*"records" is missing', 'missing-key.*says nothing',
    'conflicting-keys.*"stream" stands beside "topic"', 'out-of-range.*2 partitions', 'missing-key.*"rows" is missing',
    'invalid-value.*"stage" can.t be decoding.*decode', 'test-time.*now:', 'invalid-value.*"soon"', 'test-given.*end: true',
    'conflicting-keys.*"rows".*"failure"', 'test-time.*never goes back', 'duplicate-name.*"back"',
    'missing-key.*"expect" is missing']


def bundled(folder, failures):
    for name in BUNDLED:
        answer = run("test", PROJECT / name, "--json", cwd=folder)
        if not failures.equal(f"{name}: exit code", answer.returncode, 0):
            print(answer.stdout[-3000:], answer.stderr[-3000:])
            continue
        outcome = json.loads(answer.stdout)
        failures.check(f"{name} has tests", outcome["passed"] >= 1 and outcome["failed"] == 0, outcome)
        for test in outcome["tests"]:
            failures.check(f"{name}: {test['name']}: {test['duration_ms']:.1f} ms",
                           test["duration_ms"] < MS_MAX)
    failures.equal("nothing was written", list(folder.iterdir()), [])


def shop_file(folder, cases):
    path = folder / "shop.yaml"
    path.write_text(SHOP + "".join(f"  - name: {case[0]}\n{case[1]}" for case in cases))
    return path


def passes(folder, failures):
    (folder / "orders.jsonl").write_text('{"id": 7, "amount": 1, "customer": "Cy, of \\"Ärger\\""}\n\n{"id": 8, "amount": 2}\n')
    answer = run("test", shop_file(folder, PASSES), cwd=folder)
    failures.equal("tests that pass: exit code", answer.returncode, 0)
    for name, _ in PASSES:
        failures.check(f"passes: {name}", re.search(rf"^ok shop: {name} \(", answer.stdout, re.MULTILINE),
                       answer.stdout + answer.stderr)
    failures.check("no sink wrote", not (folder / "must_not_be_written.jsonl").exists())
    failures.check("the summary", re.search(rf"{len(PASSES)} tests: {len(PASSES)} passed, 0 failed, in \d+ ms$",
                                            answer.stdout.strip()), answer.stdout)


def fails(folder, failures):
    path = shop_file(folder, FAILS + PASSES[:1])
    answer = run("test", path)
    failures.equal("tests that fail: exit code", answer.returncode, 2)
    failures.check("no colours without a terminal", ESCAPE not in answer.stdout)
    failures.check("the summary", f"{len(FAILS) + 1} tests: 1 passed, {len(FAILS)} failed" in answer.stdout,
                   answer.stdout)
    for name, _, shown in FAILS:
        one = run("test", path, "--only", name)
        failures.equal(f"fails: {name}: exit code", one.returncode, 2)
        failures.check(f"fails: {name}: one test ran", "\n1 test: 0 passed, 1 failed" in one.stdout, one.stdout)
        failures.check(f"fails: {name}: what is shown", re.search(shown, one.stdout), one.stdout + one.stderr)
    line = path.read_text().splitlines().index("      - view: by_customer") + 1
    failures.check("the place of the expectation", f"{path}:{line}:9: view by_customer" in answer.stdout,
                   answer.stdout)
    outcome = json.loads(run("test", path, "--json").stdout)
    first = outcome["tests"][0]["differences"][0]
    failures.equal("json: what was expected", first["expected"], [{"customer": "Ada", "orders": "2"}])
    failures.equal("json: what came", first["came"], [{"customer": "Ada", "orders": "1"}])
    failures.equal("json: the place", (first["file"], first["line"]), (str(path), line))


def junit(folder, failures):
    path = shop_file(folder, FAILS + [("<a & \"b\">", PASSES[0][1])])
    report = folder / "report.xml"
    failures.equal("junit: exit code", run("test", path, "--junit", report).returncode, 2)
    root = xml.etree.ElementTree.parse(report).getroot()
    failures.equal("junit: the root", (root.tag, root.get("tests"), root.get("failures")),
                   ("testsuites", str(len(FAILS) + 1), str(len(FAILS))))
    cases = root.findall("./testsuite[@name='shop']/testcase")
    failures.equal("junit: names", [case.get("name") for case in cases],
                   [name for name, *_ in FAILS] + ["<a & \"b\">"])
    failures.equal("junit: failures", [len(case.findall("failure")) for case in cases], [1] * len(FAILS) + [0])
    failures.check("junit: what is shown", re.search(FAILS[0][2], cases[0].find("failure").text),
                   cases[0].find("failure").text)
    failures.check("junit: times and places", all(float(case.get("time")) > 0 and int(case.get("line")) > 0
                                                  for case in cases))
    answer = run("test", path, "--junit", folder / "missing" / "report.xml")
    failures.check("junit: a folder that is not there", answer.returncode == 3 and "report.xml" in answer.stderr,
                   answer.stderr)


def faults(folder, failures):
    path = folder / "faulty.yaml"
    path.write_text(SHOP + FAULTY)
    for command in ("check", "test", "run"):
        arguments = ["--data", folder / "data"] if command == "run" else []
        answer = run(command, path, *arguments)
        failures.equal(f"{command} of faulty tests: exit code", answer.returncode, 2)
        for finding in FINDINGS:
            failures.check(f"{command}: {finding}", re.search(rf"faulty\.yaml:\d+:\d+: error\[{finding}", answer.stderr),
                           answer.stderr)
    failures.equal("each fault once", run("check", path).stderr.count("error["), len(FINDINGS) + 1)
    none = run("test", shop_file(folder, []).with_name("none.yaml"))
    failures.equal("no such file: exit code", none.returncode, 2)
    untested = folder / "untested.yaml"
    untested.write_text(SHOP.replace("tests:\n", ""))
    answer = run("test", untested)
    failures.check("no tests at all", answer.returncode == 2 and "no-tests" in answer.stderr, answer.stderr)
    answer = run("test", shop_file(folder, PASSES[:1]), "--only", "typs")
    failures.check("no test of that name", answer.returncode == 2 and 'did you mean "types"' in answer.stderr,
                   answer.stderr)


def colours(folder, failures):
    """On a terminal what was expected and what came have colours."""
    path = shop_file(folder, FAILS[:1])
    master, slave = pty.openpty()
    pid = os.fork()
    if pid == 0:
        for number in range(3):
            os.dup2(slave, number)
        environment = {**os.environ, "TERM": "xterm"}
        environment.pop("NO_COLOR", None)
        os.execve(leat_program.program(), ["leat", "test", str(path)], environment)
    os.close(slave)
    shown = b""
    while True:
        try:
            read = os.read(master, 4096)
        except OSError:
            break
        if not read:
            break
        shown += read
    _, status = os.waitpid(pid, 0)
    os.close(master)
    failures.equal("on a terminal: exit code", os.waitstatus_to_exitcode(status), 2)
    failures.check("on a terminal: colours", f"{ESCAPE}[31m" in shown.decode(), shown)


def main():
    failures = leat_program.Failures()
    for part in (bundled, passes, fails, junit, faults, colours):
        with leat_program.scratch_folder() as folder:
            part(folder, failures)
    failures.end()


if __name__ == "__main__":
    main()
