#!/usr/bin/env python3
"""Event time over the whole program: late rows, rows ahead of the clock, and what is told of them."""
import json
import os
import pathlib
import pty
import random
import re
import select
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import leat_program  # noqa: E402
from leat_program import Server, run  # noqa: E402
from patience import patience  # noqa: E402

FOLDER = pathlib.Path(__file__).resolve().parent
PIPELINE = """
pipeline: timed
topics: {events: {}}
streams:
  strict: {from: events, columns: {id: integer, time: timestamp}, event_time: {column: time}}
  lenient: {from: events, columns: {id: integer, time: timestamp}, event_time: {column: time, ahead: keep}}
views:
  dropping:
    query: "SELECT window_start, count(*) AS n FROM tumble(strict, time, INTERVAL '1 minute') GROUP BY 1"
    emit: on_close
    late: drop
    retain: 7d
"""
# As in W2: rows of 100 s, up to 2 s out of order, in windows of 10 s. LEAT_ROWS=10000000 is its size.
ROWS = int(os.environ.get("LEAT_ROWS", 300_000))
FILES = 24
BEGIN = 1_767_225_600_000
BACKLOG = """
pipeline: backlog
sources: {rows: {file: {path: "%s/*.jsonl", follow: false}, topic: events}}
streams:
  rows:
    from: events
    columns: {key: integer, time: {type: timestamp, unit: ms}}
    event_time: {column: time, delay: 5s%s}
views:
  sums:
    query: "SELECT window_start, key, count(*) AS n FROM tumble(rows, time, INTERVAL '10 seconds') GROUP BY ALL"
    emit: on_close
sinks: {out: {from: sums, file: {path: "%s"}}}
"""
# Two topics that a view joins in time; the one is all of a sudden far ahead of the other.
IN_STEP = """
pipeline: in_step
topics: {orders: {}, payments: {}}
streams:
  purchase: {from: orders, columns: {id: integer, time: timestamp}, event_time: {column: time, max_drift: 10s, idle_after: %s}}
  payment: {from: payments, columns: {id: integer, time: timestamp}, event_time: {column: time, idle_after: %s}}
views:
  paid:
    query: SELECT o.id FROM purchase o JOIN payment p ON o.id = p.id AND p.time BETWEEN o.time AND o.time + INTERVAL '1 minute'
"""
JOINED = """
pipeline: joined
sources:
  many: {file: {path: "%s/*.jsonl", follow: false}, topic: orders}
  few: {file: {path: "%s", follow: false}, topic: payments}
streams:
  purchase: {from: orders, columns: {id: integer, time: {type: timestamp, unit: ms}}, event_time: {column: time, delay: 5s%s}}
  payment: {from: payments, columns: {id: integer, time: {type: timestamp, unit: ms}}, event_time: {column: time, delay: 5s%s}}
views:
  paid:
    query: |
      WITH pairs AS (
        SELECT o.id, o.time FROM purchase o JOIN payment p
        ON o.id = p.id AND p.time BETWEEN o.time AND o.time + INTERVAL '3 seconds')
      SELECT window_start, count(*) AS n FROM tumble(pairs, time, INTERVAL '10 seconds') GROUP BY window_start
    emit: on_close
    retain: 7d
"""
LIVING = """
pipeline: living
topics: {events: {}}
streams: {rows: {from: events, columns: {id: integer}}}
views:
  seen: {query: "SELECT id, count(*) AS n FROM rows GROUP BY id", ttl: 3s}
  total: {query: "SELECT count(*) AS ids, sum(n) AS n FROM seen"}
"""


def told_by_tests(folder, failures):
    """What a row's time makes of it, as `leat test` says it."""
    tests = run("test", str(FOLDER / "event_time.yaml"))
    failures.equal("leat test", (tests.returncode, tests.stdout if tests.returncode else ""), (0, ""))


def counted(folder, failures):
    """Late rows that are dropped and future ones are in the status, and every row has one fate."""
    path = folder / "timed.yaml"
    path.write_text(PIPELINE)
    with Server(path, folder / "data").wait_ready() as server:
        for rows in ([{"id": 1, "time": "2026-01-01T00:05:00Z"}, {"id": 2, "time": "2999-01-01T00:00:00Z"}],
                     [{"id": 3, "time": "2026-01-01T00:00:00Z"}, {"id": 4, "time": "2026-01-01T00:05:00Z"}]):
            failures.equal("push", server.client.push("events", rows)[0], 200)
            server.client.settle()
        status = server.client.status()
        streams = {stream["name"]: stream for stream in status["streams"]}
        for stream in streams.values():
            failures.equal(f"fates of {stream['name']}", stream["accepted"],
                           stream["out"] + stream["filtered"] + stream["late"] + stream["dead_letters"])
        strict, lenient = streams["strict"], streams["lenient"]
        failures.equal("strict", (strict["out"], strict["late"], strict["dead_letters"], strict["future"]), (2, 1, 1, 1))
        failures.equal("lenient", (lenient["out"], lenient["dead_letters"], lenient["future"]), (4, 0, 1))
        failures.equal("late for the view", status["views"][0]["late"], 1)
        failures.equal("dead letters", [record["value"]["stage"] if isinstance(record["value"], dict) else record["value"]
                                        for record in server.client.records("dead_letters")].count("late"), 0)


def backlog(folder):
    """Files of very different sizes: some hold a part of all the time, some a time of their own. Gives the counts."""
    made = random.Random(3)
    shares = [0.5 ** (k % 8) for k in range(FILES // 2)]
    files = [open(folder / f"{made.randrange(10**6):06}-{k}.jsonl", "w") for k in range(FILES)]
    counts = {}
    for number in range(ROWS):
        milliseconds = number * 100_000 // ROWS
        at = BEGIN + milliseconds - made.randrange(2000)
        key = number % 100
        by_time = number % 2 == 0
        file = (FILES // 2 + milliseconds * (FILES - FILES // 2) // 100_000 if by_time
                else made.choices(range(FILES // 2), shares)[0])
        files[file].write(f'{{"key":{key},"time":{at}}}\n')
        counts[at // 10_000, key] = counts.get((at // 10_000, key), 0) + 1
    for file in files:
        file.close()
    return sorted(counts.values())


def caught_up(folder, failures):
    """However unevenly files are read, no row is late that would not be late read in time."""
    rows = folder / "rows"
    rows.mkdir()
    wanted = backlog(rows)
    for name, drift in (("in any order", ""), ("in step", ", max_drift: 10s")):
        data, out = folder / f"data {name}", folder / f"{name}.jsonl"
        path = folder / "backlog.yaml"
        path.write_text(BACKLOG % (rows, drift, out))
        ran = run("run", path, "--once", "--quiet", "--data", data, timeout=300)
        failures.equal(f"{name}: exit code", (ran.returncode, ran.stderr), (0, ""))
        failures.equal(f"{name}: counts", sorted(json.loads(line)["n"] for line in out.open()), wanted)
        with Server(path, data).wait_ready() as server:
            stream = server.client.status()["streams"][0]
            failures.equal(f"{name}: fates", (stream["accepted"], stream["out"], stream["late"], stream["future"]),
                           (ROWS, ROWS, 0, 0))


def in_step(folder, failures):
    """A topic that is further ahead than max_drift of one that it is joined with waits: for its rows, or until it is idle."""
    path = folder / "in_step.yaml"

    def orders_read(server):
        return {stream["name"]: stream["accepted"] for stream in server.client.status()["streams"]}["purchase"]

    def at(seconds):
        return f"2026-01-01T00:{seconds // 60:02}:{seconds % 60:02}Z"

    for name, idle in (("comes up", "10m"), ("is idle", "2s")):
        path.write_text(IN_STEP % (idle, idle))
        with Server(path, folder / f"in step {name}").wait_ready() as server:
            server.client.push("payments", [{"id": 1, "time": at(0)}])
            server.client.push("orders", [{"id": 1, "time": at(0)}])
            server.client.settle()
            server.client.push("orders", [{"id": 2, "time": at(60)}])
            begin = time.monotonic()
            server.client.settle()
            server.client.push("orders", [{"id": 3, "time": at(61)}])
            if idle == "10m":
                time.sleep(1.5)
                failures.equal(f"{name}: waits", orders_read(server), 2)
                server.client.push("payments", [{"id": 2, "time": at(55)}])
            ends = time.monotonic() + patience(30)
            while orders_read(server) != 3 and time.monotonic() < ends:
                time.sleep(0.05)
            failures.equal(f"{name}: goes on", orders_read(server), 3)
            if idle == "2s":
                failures.check(f"{name}: it waited", time.monotonic() - begin > 1, "")


def joined_backlog(folder, failures):
    """Two topics of very different sizes, joined: no row is late, and each finds its partner, in whatever order they are read."""
    rows = folder / "orders"
    rows.mkdir()
    made = random.Random(5)
    counts = {}
    files = [open(rows / f"{k}.jsonl", "w") for k in range(4)]
    with (folder / "payments.jsonl").open("w") as payments:
        for number in range(60_000):
            at = BEGIN + number * 2 - made.randrange(2000)
            files[min(made.randrange(40), 3)].write(f'{{"id":{number},"time":{at}}}\n')
            if number % 20 == 0:
                payments.write(f'{{"id":{number},"time":{at + made.randrange(3000)}}}\n')
                counts[at // 10_000] = counts.get(at // 10_000, 0) + 1
    for file in files:
        file.close()
    for name, drift in (("in any order", ""), ("in step", ", max_drift: 2s")):
        data = folder / f"joined {name}"
        path = folder / "joined.yaml"
        path.write_text(JOINED % (rows, folder / "payments.jsonl", drift, drift))
        ran = run("run", path, "--once", "--quiet", "--data", data, timeout=300)
        failures.equal(f"joined {name}: exit code", (ran.returncode, ran.stderr), (0, ""))
        with Server(path, data).wait_ready() as server:
            shown = server.client.sql("SELECT n FROM paid ORDER BY window_start")
            failures.equal(f"joined {name}: counts", [row[0] for row in shown], [counts[key] for key in sorted(counts)])
            status = server.client.status()
            failures.equal(f"joined {name}: late", [one["late"] for one in status["streams"] + status["views"]], [0, 0, 0])


def left(folder, failures):
    """A group leaves by the clock though nothing comes, stays away over a restart, and begins anew."""
    path = folder / "living.yaml"
    path.write_text(LIVING)

    def seen(server):
        return server.client.sql("SELECT ids, n FROM total")

    with Server(path, folder / "data").wait_ready() as server:
        server.client.push("events", [{"id": 1}, {"id": 1}, {"id": 2}])
        server.client.settle()
        failures.equal("at first", seen(server), [[2, 3]])
        ends = time.monotonic() + patience(30)
        while seen(server) != [[0, None]] and time.monotonic() < ends:
            time.sleep(0.05)
        failures.equal("later", seen(server), [[0, None]])
        server.client.push("events", [{"id": 1}])
        server.client.settle()
        failures.equal("anew", seen(server), [[1, 1]])
        failures.equal("exit code", server.stop(), 0)
    time.sleep(3)
    with Server(path, folder / "data").wait_ready() as server:
        ends = time.monotonic() + patience(30)
        while seen(server) != [[0, None]] and time.monotonic() < ends:
            time.sleep(0.05)
        failures.equal("left while the server was down", seen(server), [[0, None]])


def bounded(folder, failures):
    """`leat check --strict` refuses state that grows for ever, names ttl, and takes a view that has one."""
    path = folder / "living.yaml"
    for text, code in ((LIVING, 0), (LIVING.replace(", ttl: 3s", ""), 2)):
        path.write_text(text)
        check = run("check", "--strict", path)
        failures.equal("check --strict", check.returncode, code)
        failures.check("it names ttl", code == 0 or "ttl: 7d" in check.stdout + check.stderr, check.stdout + check.stderr)


# Queries of several steps whose ttl bounds all that they keep.
STEPS = """
pipeline: steps
topics: {orders: {}, payments: {}}
streams:
  opened: {from: orders, columns: {id: bigint, customer: text, made: timestamp}, event_time: {column: made}}
  paid: {from: payments, columns: {id: bigint, customer: text, made: timestamp}, event_time: {column: made}}
views:
  settled: {query: "SELECT o.id, p.made FROM opened o JOIN paid p ON o.id = p.id", keep: false, ttl: {event_time: 1h}}
  unpaid:
    query: SELECT id FROM opened o WHERE NOT EXISTS (SELECT 1 FROM paid p WHERE p.id = o.id)
    keep: false
    ttl: {event_time: 1h}
  longest:
    query: SELECT o.customer, max(p.made - o.made) AS longest FROM opened o JOIN paid p USING (id) GROUP BY ALL
    ttl: {event_time: 1h}
  seen:
    query: SELECT customer, count(*) AS n FROM (SELECT customer FROM opened UNION ALL SELECT customer FROM paid) GROUP BY customer
    key: customer
    ttl: {processing_time: 1h}
sinks:
  settled: {from: settled, blackhole: {}}
  unpaid: {from: unpaid, blackhole: {}}
"""


def bounded_steps(folder, failures):
    """Of each of the queries `check --strict` refuses the state without ttl, and takes it with it."""
    path = folder / "steps.yaml"
    path.write_text(STEPS)
    check = run("check", "--strict", path)
    failures.equal("check --strict, several steps", (check.returncode, check.stderr), (0, ""))
    path.write_text(re.sub(r",? *ttl: \{[^}]*\}", "", STEPS))
    check = run("check", "--strict", path)
    refused = (check.stdout + check.stderr).count("unbounded-state")
    failures.equal("check --strict, several steps without ttl", (check.returncode, refused), (2, 4))


def live_screen(url, failures):
    """`leat top` on a terminal: it shows tables, shows them again, and ends by q."""
    leader, follower = pty.openpty()
    shown = subprocess.Popen([leat_program.program(), "top", "--server", url, "--every", "0.2"], stdin=follower,
                             stdout=follower, stderr=subprocess.STDOUT)
    os.close(follower)
    text, ends = b"", time.monotonic() + patience(20)
    while text.count(b"strict") < 3 and time.monotonic() < ends:
        if select.select([leader], [], [], 0.2)[0]:
            text += os.read(leader, 65536)
    failures.check("top: shows itself again and again", text.count(b"strict") >= 3, repr(text[-500:]))
    os.write(leader, b"q")
    try:
        failures.equal("top: q ends it", shown.wait(10), 0)
    finally:
        shown.kill()
        os.close(leader)


def shown_by_top(folder, failures):
    path = folder / "timed.yaml"
    path.write_text(PIPELINE)
    with Server(path, folder / "data").wait_ready() as server:
        url = f"http://127.0.0.1:{server.port}"
        server.client.push("events", [{"id": 1, "time": "2026-01-01T00:05:00Z"}, {"id": 2, "time": "2999-01-01T00:00:00Z"}])
        server.client.settle()
        once = run("top", "--once", "--every", "0.2", "--server", url)
        failures.equal("top --once: exit code", (once.returncode, once.stderr), (0, ""))
        for word in ("CPU", "memory", "topic", "events", "strict", "2026-01-01T00:05:00", "behind", "dropping", "changes/s"):
            failures.check(f"top --once: {word}", word in once.stdout, once.stdout)
        failures.check("top --once: no escapes", "\x1b" not in once.stdout, repr(once.stdout[:80]))
        piped = run("top", "--every", "0.2", "--server", url)
        failures.equal("top: once where there is no terminal", piped.stdout.count("CPU"), 1)
        asked = json.loads(run("top", "--once", "--json", "--every", "0.2", "--server", url).stdout)
        streams = {stream["name"]: stream for stream in asked["streams"]}
        failures.equal("top --json: a stream", (streams["strict"]["dead_letters"], streams["strict"]["future"],
                                                streams["strict"]["accepted_per_second"]), (1, 1, 0))
        failures.check("top --json: behind", streams["strict"]["lag_seconds"] > 0)
        failures.check("top --json: numbers", asked["memory_bytes"] > 0 and asked["cpu_percent"] >= 0, str(asked))
        metrics = server.client.request("GET", "/metrics")[2].decode()
        for name in ('leat_stream_future_total{stream="strict"} 1', 'leat_stream_watermark_lag_seconds{stream="strict"}',
                     'leat_stream_watermark_timestamp_seconds{stream="strict"} 1767225900', "leat_cpu_seconds_total"):
            failures.check(f"metrics: {name}", name in metrics)
        live_screen(url, failures)


if __name__ == "__main__":
    leat_program.run_each(told_by_tests, counted, caught_up, in_step, joined_backlog, left, bounded, bounded_steps, shown_by_top)
