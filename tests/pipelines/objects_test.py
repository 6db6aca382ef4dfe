#!/usr/bin/env python3
"""Objects as a source, and what a Parquet sink has written in SQL: every row once, whatever is killed meanwhile.

usage: objects_test.py [--kills N] [--seed S]
"""
import gzip
import json
import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import leat_program  # noqa: E402
import seeded  # noqa: E402

leat_program.need_duckdb()
import duckdb  # noqa: E402
from leat_program import Server, free_port  # noqa: E402
from patience import patience  # noqa: E402
from servers.s3 import BUCKET, Versitygw  # noqa: E402
from servers.server import PASSWORD, USER  # noqa: E402

OBJECTS = 24
ROWS_OF_OBJECT = 20_000
LINES_OF_OBJECT = 300
ARRIVE_SECONDS_MAX = patience(120)
PIPELINE = """
pipeline: objects
sources:
  exports:
    objects:
      path: s3://%(bucket)s/exports
      format: parquet
      %(store)s
      every: 200ms
    topic: exported
  dropped:
    objects: {path: %(folder)s/in, format: json, every: 100ms, age_min: 0s}
    topic: lines
streams:
  rows:
    from: exported
    columns: {id: bigint, name: text, price: "decimal(10,2)", day: date, batch: integer, object: {type: text, field: $key}}
  drops:
    from: lines
    columns: {id: bigint}
views:
  per_batch: {query: "SELECT batch, count(*) AS rows FROM rows GROUP BY batch"}
sinks:
  taken: {from: rows, file: {path: %(folder)s/taken.jsonl}}
  dropped_rows: {from: drops, file: {path: %(folder)s/drops.jsonl}}
  archive:
    from: rows
    parquet: {path: %(folder)s/archive, partition_by: {third: id %% 3}, roll: {every: 300ms}, compact: {below: 32MiB, after: 1s}}
  stored:
    from: rows
    parquet:
      path: s3://%(bucket)s/stored
      partition_by: {month: month(day)}
      roll: {every: 500ms}
      compact: {below: 1MiB, after: 500ms}
      %(store)s
"""


def parquet_of(scratch, number):
    """Rows of an object, in several row groups."""
    path = scratch / "made.parquet"
    begin = number * ROWS_OF_OBJECT
    duckdb.connect().execute(
        f"COPY (SELECT range AS id, 'näme ' || range AS name, (range / 100)::DECIMAL(10,2) AS price, "
        f"DATE '2026-01-01' + (range %% 60)::INTEGER AS day FROM range({begin}, {begin + ROWS_OF_OBJECT})) "
        f"TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE 4096)".replace("%%", "%"))
    return path.read_bytes()


class Giver(threading.Thread):
    """Puts objects into the store and files into the folder, one after the other, as somebody's job would."""

    def __init__(self, server, scratch):
        super().__init__(daemon=True)
        self.server, self.scratch = server, scratch
        self.folder = scratch / "in"
        self.folder.mkdir()

    def run(self):
        for number in range(OBJECTS):
            self.put(f"batch={number}/{number}.parquet", parquet_of(self.scratch, number))
            lines = "".join(json.dumps({"id": number * LINES_OF_OBJECT + i}) + "\n" for i in range(LINES_OF_OBJECT))
            temporary = self.folder / f".{number}"
            temporary.write_bytes(gzip.compress(lines.encode()))
            temporary.rename(self.folder / f"{number}.json.gz")
            if number == OBJECTS // 2:
                self.put("batch=0/broken.parquet", b"PAR1 and nothing more")

    def put(self, key, content):
        while True:
            try:
                status = self.server.client().request("PUT", f"/{BUCKET}/exports/{key}", content)[0]
                if status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.1)


class Asker(threading.Thread):
    """Asks again and again while files are written and merged: no row is seen twice, and none goes away."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.client = leat_program.Client(port, timeout=30)
        self.ended = threading.Event()
        self.answers, self.faults = 0, []
        self.seen = {"archive": 0, "stored": 0}

    def run(self):
        while not self.ended.is_set():
            for table in self.seen:
                try:
                    count, different = self.client.sql(f"SELECT count(*), count(DISTINCT id) FROM {table}")[0]
                except AssertionError as fault:
                    if "s3://" not in str(fault):  # the store is dead now and then
                        self.faults.append(str(fault)[:500])
                    continue
                except Exception:  # noqa: BLE001 - the program is dead now and then
                    continue
                if count != different or count < self.seen[table]:
                    self.faults.append(f"{table}: {count} rows, {different} of them different, after {self.seen[table]}")
                self.seen[table] = count
                self.answers += 1
            time.sleep(0.05)


def torment(start, leat, server, kills, chance):
    for _ in range(kills):
        time.sleep(chance.uniform(0.3, 1.5))
        what = chance.choice(["leat", "leat", "store", "both"])
        if what in ("store", "both"):
            server.kill()
        if what in ("leat", "both"):
            leat.kill()
            leat = start()
        if what in ("store", "both"):
            time.sleep(chance.uniform(0, 1))
            server.restart()
    return leat


def ids_in(path):
    return [json.loads(line)["id"] for line in path.read_text().splitlines()] if path.exists() else []


def wait_arrived(leat, scratch, failures):
    ends = time.monotonic() + ARRIVE_SECONDS_MAX
    wanted = OBJECTS * ROWS_OF_OBJECT
    while time.monotonic() < ends:
        status = leat.client.status()
        sinks = [sink for sink in status["sinks"] if sink.get("lag") or sink["last_error"]]
        found = leat.client.sql("SELECT sum(rows) FROM per_batch")[0][0]
        if not sinks and found == wanted and len(ids_in(scratch / "drops.jsonl")) >= OBJECTS * LINES_OF_OBJECT:
            return leat.client.settle()
        time.sleep(0.3)
    failures.check("everything arrives", False, f"{found} of {wanted}, {sinks}")


def judge(leat, scratch, failures):
    taken = [json.loads(line) for line in (scratch / "taken.jsonl").read_text().splitlines()]
    failures.equal("rows", len(taken), OBJECTS * ROWS_OF_OBJECT)
    failures.equal("no row twice", len({row["id"] for row in taken}), len(taken))
    wrong = [row for row in taken if row["name"] != f"näme {row['id']}" or row["batch"] != row["id"] // ROWS_OF_OBJECT
             or row["object"] != f"batch={row['batch']}/{row['batch']}.parquet"
             or abs(float(row["price"]) - row["id"] / 100) > 1e-6]
    failures.check("values", not wrong, wrong[:2])
    failures.equal("lines of the folder", sorted(ids_in(scratch / "drops.jsonl")),
                   list(range(OBJECTS * LINES_OF_OBJECT)))
    source = next(one for one in leat.client.status()["sources"] if one["name"] == "exports")
    failures.check("nothing is among the dead letters", not leat.client.records("dead_letters"))
    return source


def history(ask, failures, where):
    """ask: gives the rows of a query as lists."""
    rows = OBJECTS * ROWS_OF_OBJECT
    for table in ("archive", "stored"):
        failures.equal(f"{where}: {table}, each row once", ask(f"SELECT count(*), count(DISTINCT id) FROM {table}"),
                       [[rows, rows]])
    failures.equal(f"{where}: a month of S3", ask("SELECT count(*) FROM stored WHERE month = 2"),
                   ask("SELECT count(*) FROM archive WHERE day >= '2026-02-01' AND day < '2026-03-01'"))
    failures.equal(f"{where}: beside a view",
                   ask("SELECT sum(v.rows - a.rows), count(*) FROM per_batch v JOIN "
                       "(SELECT object, count(*) AS rows FROM archive GROUP BY object) a "
                       "ON a.object = 'batch=' || v.batch || '/' || v.batch || '.parquet'"), [[0, OBJECTS]])


def refused(leat, scratch, failures):
    for query in ("SELECT * FROM read_csv('/etc/passwd')", f"SELECT * FROM read_parquet('{scratch}/archive/**/*.parquet')",
                  f"SELECT * FROM '{scratch}/made.parquet'", "SELECT * FROM taken"):
        status, _, answer = leat.client.request("POST", "/v1/sql", json.dumps({"query": query}),
                                                {"Content-Type": "application/json"})
        failures.check(f"refused: {query}", 400 <= status < 500, f"{status} {answer[:300]!r}")


def run(scratch, failures, kills, seed):
    with Versitygw(auth=True) as server:
        store = (f"endpoint: {server.address()}\n      access_key: {USER}\n      secret_key: {PASSWORD}\n"
                 "      timeout: 3s")
        pipeline = scratch / "objects.yaml"
        pipeline.write_text(PIPELINE % {"bucket": BUCKET, "store": store, "folder": scratch})
        port = free_port()
        start = lambda: Server(pipeline, scratch / "data", port=port)  # noqa: E731
        leat = start().wait_ready()
        giver = Giver(server, scratch)
        giver.start()
        asker = Asker(port)
        asker.start()
        leat = torment(start, leat, server, kills, random.Random(seed))
        giver.join()
        leat.wait_ready()
        wait_arrived(leat, scratch, failures)
        time.sleep(3)  # the last merges
        asker.ended.set()
        asker.join()
        failures.check(f"who asks meanwhile sees each row once ({asker.answers} answers)",
                       asker.answers > 5 and not asker.faults, asker.faults[:3])
        files = len(list((scratch / "archive").glob("**/*.parquet")))
        failures.check("small files were merged", files < 20, files)
        judge(leat, scratch, failures)
        history(leat.client.sql, failures, "in the server")
        refused(leat, scratch, failures)
        failures.equal("exit code", leat.stop(), 0)

        def at_rest(query):
            answer = leat_program.run("sql", "--data", scratch / "data", "--format", "json", query)
            return json.loads(answer.stdout)["rows"] if answer.returncode == 0 else answer.stderr
        history(at_rest, failures, "at rest")
        # Nothing is read again by a run that finds everything read; what is broken is told of once, for good.
        with start() as leat:
            leat.wait_ready()
            time.sleep(1)
            judge(leat, scratch, failures)
            source = next(one for one in leat.client.status()["sources"] if one["name"] == "exports")
            failures.equal("nothing is read again", [source["records"], source["skipped"]], [0, 0])
            failures.equal("exit code of the last run", leat.stop(), 0)
        failures.check("the broken object was told of", "broken.parquet is passed over" in leat.output(),
                       leat.output()[-500:])


if __name__ == "__main__":
    seeded.run(run, kills=6)
