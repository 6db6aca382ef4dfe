#!/usr/bin/env python3
"""Parquet in a folder and in a real S3 store, while Leat and the store are killed: every row once, for every reader.

usage: parquet_test.py [--kills N] [--seed S]
"""
import json
import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import leat_program  # noqa: E402
import seeded  # noqa: E402

leat_program.need_packages("duckdb", "pyarrow")
import duckdb  # noqa: E402
import pyarrow.dataset  # noqa: E402
import pyarrow.fs  # noqa: E402
from leat_program import Client, Server, free_port  # noqa: E402
from patience import patience  # noqa: E402
from servers.s3 import BUCKET, Versitygw  # noqa: E402
from servers.server import PASSWORD, USER  # noqa: E402

WRITTEN_SECONDS_MAX = patience(60)
RECORDS_A_PUSH = 50
COLUMNS = ["seq", "name", "day", "year", "month"]
PIPELINE = """
pipeline: parquet
topics: {events: {}}
streams:
  rows:
    from: events
    columns: {seq: bigint, name: text, day: date}
views:
  per_month: {query: "SELECT month(day) AS month, count(*) AS rows FROM rows GROUP BY ALL"}
sinks:
  stored:
    from: rows
    parquet:
      path: s3://%(bucket)s/lake
      endpoint: %(url)s
      access_key: %(user)s
      secret_key: %(password)s
      partition_by: {year: year(day), month: month(day)}
      sort_by: seq
      roll: {rows: 3000, every: 300ms}
      compact: {below: 1MiB, after: 1s}
      timeout: 3s
  kept:
    from: rows
    parquet:
      path: %(folder)s
      partition_by: {year: year(day), month: month(day)}
      roll: {every: 200ms}
  counted:
    from: per_month
    changes: true
    parquet: {path: %(folder)s.changes, roll: {every: 200ms}}
"""


class Load(threading.Thread):
    """Pushes records with rising numbers until told to end; knows which were acknowledged."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.client = Client(port, timeout=5)
        self.ended = threading.Event()
        self.acknowledged, self.unknown = set(), set()

    def run(self):
        number = 0
        while not self.ended.is_set():
            numbers = range(number, number + RECORDS_A_PUSH)
            number += RECORDS_A_PUSH
            body = "\n".join(json.dumps({"seq": n, "name": f"näme {n}", "day": f"2026-{n % 3 + 1:02}-01"})
                             for n in numbers)
            try:
                status, _ = self.client.push("events", body, {"Content-Type": "application/x-ndjson"})
                if status == 200:
                    self.acknowledged.update(numbers)
            except Exception:  # noqa: BLE001 - whatever happened, nobody knows whether they arrived
                self.unknown.update(numbers)
                time.sleep(0.05)


class Reader(threading.Thread):
    """Reads all files of a folder again and again, as somebody's report would: no row twice, no half file."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.folder = folder
        self.ended = threading.Event()
        self.reads, self.faults, self.rows = 0, [], 0

    def run(self):
        while not self.ended.is_set():
            try:
                numbers = rows_by_duckdb(self.folder, "seq")
            except duckdb.Error as error:
                self.faults.append(str(error))
                return
            if len(set(numbers)) != len(numbers):
                self.faults.append(f"{len(numbers) - len(set(numbers))} rows twice")
            if len(numbers) < self.rows:
                self.faults.append(f"{len(numbers)} rows after {self.rows}")
            self.rows = len(numbers)
            self.reads += 1
            time.sleep(0.02)


def rows_by_duckdb(folder, columns):
    if not list(pathlib.Path(folder).glob("**/*.parquet")):
        return []
    rows = duckdb.connect().execute(
        f"SELECT {columns} FROM read_parquet('{folder}/**/*.parquet', hive_partitioning = true)").fetchall()
    return [row[0] for row in rows] if columns == "seq" else rows


def stored_table(server):
    """What the store has, by Arrow's own S3 client and its own reading of Parquet."""
    store = pyarrow.fs.S3FileSystem(access_key=USER, secret_key=PASSWORD, scheme="http", region="us-east-1",
                                    endpoint_override="{}:{}".format(*server.nodes[0].back))
    return pyarrow.dataset.dataset(f"{BUCKET}/lake", filesystem=store, partitioning="hive").to_table()


def wait_written(leat, failures):
    """Until the sinks have written everything that has arrived."""
    leat.client.settle()
    ends = time.monotonic() + WRITTEN_SECONDS_MAX
    while time.monotonic() < ends:
        sinks = leat.client.status()["sinks"]
        if all(sink["lag"] == 0 and sink["state"] == "waiting" for sink in sinks):
            return
        time.sleep(0.1)
    failures.check("everything is written", False, sinks)


def torment(leat, start, server, kills, chance):
    """Kills Leat, and the store: dead for a while, or frozen."""
    for _ in range(kills):
        time.sleep(chance.uniform(0.2, 1.2))
        what = chance.choice(["leat", "leat", "store", "both", "frozen"])
        if what in ("store", "both"):
            server.kill()
        if what in ("leat", "both"):
            leat.kill()
            leat = start()
        if what == "frozen":
            server.freeze()
            time.sleep(chance.uniform(0.5, 4))
            server.thaw()
        if what in ("store", "both"):
            time.sleep(chance.uniform(0, 1))
            server.restart()
    return leat


def judge(failures, load, folder, server):
    wanted = lambda numbers: sorted(  # noqa: E731
        [n, f"näme {n}", f"2026-{n % 3 + 1:02}-01", 2026, n % 3 + 1] for n in numbers)
    stored = stored_table(server)
    found = {"in S3, by Arrow": [[row[c] if c != "day" else str(row[c]) for c in COLUMNS]
                                 for row in stored.to_pylist()],
             "in the folder, by DuckDB": [[*row[:2], str(row[2]), *row[3:]] for row in
                                          rows_by_duckdb(folder, ", ".join(COLUMNS))]}
    numbers = {}
    for where, rows in found.items():
        numbers[where] = {row[0] for row in rows}
        failures.equal(f"{where}: no row twice", len(rows), len(numbers[where]))
        failures.equal(f"{where}: nothing acknowledged is lost", sorted(load.acknowledged - numbers[where])[:5], [])
        failures.check(f"{where}: nothing that was not sent",
                       numbers[where] <= load.acknowledged | load.unknown)
        failures.check(f"{where}: values", sorted(rows) == wanted(numbers[where]), sorted(rows)[:3])
    first, second = numbers.values()
    failures.equal("both have the same rows", len(first ^ second), 0)
    failures.check("there were rows", len(first) > 1000, len(first))
    return first


def left_over(folder):
    staged = [path.name for path in pathlib.Path(folder).glob("_leat/*/staged/.*")]
    temporary = [path.name for path in pathlib.Path(folder).glob("_leat/*/.*") if path.name != ".lock"]
    return staged + temporary


def run(scratch, failures, kills, seed):
    folder = scratch / "out"
    with Versitygw() as server:
        pipeline = scratch / "parquet.yaml"
        pipeline.write_text(PIPELINE % {"bucket": BUCKET, "url": server.address(), "user": USER,
                                        "password": PASSWORD, "folder": folder})
        port = free_port()
        start = lambda: Server(pipeline, scratch / "data", port=port)  # noqa: E731
        leat = start().wait_ready()
        load, reader = Load(port), Reader(folder)
        load.start()
        reader.start()
        leat = torment(leat, start, server, kills, random.Random(seed))
        leat.wait_ready()
        time.sleep(1)
        load.ended.set()
        load.join()
        wait_written(leat, failures)
        reader.ended.set()
        reader.join()
        numbers = judge(failures, load, folder, server)
        failures.check(f"who reads meanwhile sees each row once ({reader.reads} reads)",
                       reader.reads > 3 and not reader.faults, reader.faults[:3])
        counted = duckdb.connect().execute(
            f"SELECT month, sum(weight * rows)::BIGINT FROM read_parquet('{folder}.changes/*.parquet') "
            "GROUP BY month ORDER BY month").fetchall()
        failures.equal("a view's changes add up to it", [list(row) for row in counted],
                       leat.client.sql("SELECT month, rows FROM per_month ORDER BY month"))
        failures.equal("that is what arrived", sum(row[1] for row in counted), len(numbers))
        failures.equal("exit code", leat.stop(), 0)
        failures.equal("nothing is left over", left_over(folder), [])


if __name__ == "__main__":
    seeded.run(run, kills=8)
