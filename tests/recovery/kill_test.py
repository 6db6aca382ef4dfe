#!/usr/bin/env python3
"""Kills the real program under load, again and again, and judges what is left.

usage: kill_test.py [--kills N] [--seed S]
"""
import argparse
import hashlib
import json
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import leat_program  # noqa: E402
from patience import patience  # noqa: E402

leat_program.need_duckdb()
import judge  # noqa: E402
import load  # noqa: E402

CLIENTS = 4
PARTITIONS = 3
FLUSH_AHEAD_SECONDS = 86_400

PIPELINE = """
pipeline: torture
topics:
  events: {partitions: %(partitions)d}
sources:
  pulled:
    http: {url: "%(url)s", every: 40ms, records: /items, timeout: 5s}
  lines:
    file: {path: "%(folder)s/in/lines.jsonl", follow: true}
streams:
  clean:
    from: events
    columns:
      producer: {type: text, required: true}
      seq: {type: bigint, required: true}
      key: {type: text, required: true}
      version: {type: bigint, required: true}
      at: {type: timestamp, required: true}
      amount: {type: integer, required: true}
      code: text
      partition: {type: bigint, field: $$partition}
      offset: {type: bigint, field: $$offset}
    select: |
      SELECT "partition", "offset", producer, seq, key, version, "at", amount, code::INTEGER AS code
      WHERE amount %% 7 <> 3
    event_time: {column: at, delay: 1h, idle_after: 1h}
    expect:
      not_thirteen: {that: amount <> 13, else: quarantine}
      not_eighteen: {that: amount <> 18, else: drop}
  hasty:
    from: events
    columns: {version: bigint, at: timestamp}
    event_time: {column: at, delay: 0s, idle_after: 1h}
  pulled_rows: {from: pulled, columns: {id: bigint, part: text}}
  line_rows: {from: lines, columns: {n: bigint, part: text}}
views:
  latest_rows: {from: clean, key: key}
  newest_rows: {from: clean, key: key, version: version}
  totals:
    query: |
      SELECT key, count(*) AS rows, sum(amount) AS amount, avg(amount) AS average,
             min("at") AS first, max(version) AS version, count(DISTINCT code) AS codes
      FROM clean GROUP BY key
  buckets:
    query: |
      SELECT amount %% 5 AS bucket, count(*) AS keys, sum(amount) AS amount, max(version) AS last,
             min(version) AS first
      FROM latest_rows GROUP BY 1
  minutes:
    query: |
      SELECT window_start, key, count(*) AS rows, sum(amount) AS amount
      FROM tumble(clean, "at", INTERVAL '1 minute') GROUP BY window_start, key
  minutes_closed:
    query: |
      SELECT window_start, count(*) AS rows, sum(amount) AS amount
      FROM tumble(clean, "at", INTERVAL '1 minute') GROUP BY window_start
    emit: on_close
  hasty_closed:
    query: |
      SELECT window_start, count(*) AS rows, sum(version) AS versions
      FROM tumble(hasty, "at", INTERVAL '10 seconds') GROUP BY window_start
    emit: on_close
  hasty_sliding:
    query: |
      SELECT window_start, count(*) AS rows, sum(version) AS versions
      FROM hop(hasty, "at", INTERVAL '5 seconds', INTERVAL '15 seconds') GROUP BY window_start
    emit: on_close
  pulled_totals: {query: "SELECT part, count(*) AS rows, sum(id) AS ids FROM pulled_rows GROUP BY part"}
  line_totals: {query: "SELECT part, count(*) AS rows, sum(n) AS numbers FROM line_rows GROUP BY part"}
sinks:
  totals_changes: {from: totals, changes: true, file: {path: "%(folder)s/out/totals.jsonl"}}
  bucket_changes:
    from: buckets
    changes: true
    file: {path: "%(folder)s/out/buckets/", roll: {rows: 400, every: 2s}}
  closed: {from: minutes_closed, file: {path: "%(folder)s/out/closed.jsonl"}}
  clean_rows: {from: clean, file: {path: "%(folder)s/out/rows/", roll: {rows: 700, every: 3s}}}
"""
VIEW_QUERIES = {
    "latest": "SELECT key, producer, seq, version, amount FROM latest_rows",
    "newest": "SELECT key, producer, seq, version, amount FROM newest_rows",
    **{name: f"SELECT * FROM {name}" for name in judge.VIEWS if name not in ("latest", "newest")},
}


class Outputs:
    """Watches the sinks' files: what is visible is committed, so it may only ever grow."""

    def __init__(self, folder):
        self.folder = folder
        self.seen = {}  # every state of a file: (path, bytes, digest)

    def visible(self):
        return [path for path in sorted(self.folder.rglob("*.jsonl")) if path.name[0] != "."]

    def look(self):
        for path in self.visible():
            content = path.read_bytes()
            self.seen[path, len(content)] = hashlib.sha256(content).digest()

    def check(self, failures):
        changed = []
        for (path, length), digest in self.seen.items():
            content = path.read_bytes() if path.exists() else b""
            if hashlib.sha256(content[:length]).digest() != digest:
                changed.append(f"{path.name} up to {length}")
        failures.check(f"what sinks showed after a crash stayed ({len(self.seen)} looks)",
                       not changed, changed[:5])

    def rows(self, name):
        path = self.folder / name
        files = [path] if path.is_file() else sorted(path.glob("part-*.jsonl")) + sorted(
            path.glob(".part-*.open"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]


class Torture:
    def __init__(self, folder, kills, seed):
        self.folder = folder
        self.kills = kills
        self.random = random.Random(seed)
        self.port = leat_program.free_port()
        self.failures = leat_program.Failures()
        self.outputs = Outputs(folder / "out")
        self.moments = {}
        (folder / "in").mkdir()
        self.api = load.PulledApi()
        self.pipeline = folder / "torture.yaml"
        self.pipeline.write_text(PIPELINE % {"url": self.api.url, "folder": folder,
                                             "partitions": PARTITIONS})
        clock = load.Clock()
        new_client = lambda: leat_program.Client(self.port, timeout=30)  # noqa: E731
        self.clock = clock
        self.clients = [
            load.PushClient(f"client-{i}", new_client, clock,
                            load.Ledger(folder / f"ledger-{i}.jsonl"),
                            random.Random(self.random.random())) for i in range(CLIENTS)]
        self.clients[0].numbered, self.clients[1].numbered = True, False
        self.file = load.GrowingFile(folder / "in" / "lines.jsonl",
                                     random.Random(self.random.random()))
        self.reader = load.Reader(new_client)
        self.threads = [*self.clients, self.file, self.reader]

    def start(self):
        interval = self.random.choice([1, 20, 200, 1000])
        return leat_program.Server(
            self.pipeline, self.folder / "data", self.port,
            ["--commit-interval-ms", str(interval), "--workers", str(self.random.choice([1, 2, 3]))])

    def kill_once(self):
        server = self.start()
        moment = self.random.choice(["start", "recovery", "recovery", "load", "load", "commit"])
        try:
            if moment == "start":
                time.sleep(self.random.random() * 0.05)
            elif moment == "recovery":
                time.sleep(self.random.random() * (2 if leat_program.log_brokers() else 0.3))
            elif moment == "load":
                server.wait_ready()
                time.sleep(self.random.random() * 1.5)
            else:
                self.wait_for_commit(server.wait_ready())
            if server.process.poll() is not None:
                raise AssertionError(f"it ended by itself with {server.process.returncode}:\n"
                                     f"{server.output()[-3000:]}")
        finally:
            server.kill()
        self.moments[moment] = self.moments.get(moment, 0) + 1
        self.outputs.look()

    def wait_for_commit(self, server):
        """Until an epoch waits to be committed; then the commit is a matter of milliseconds."""
        ends = time.monotonic() + 1.5
        time.sleep(self.random.random() * 0.3)
        while time.monotonic() < ends:
            status = server.client.status()
            if status["committed_epoch"] < status["epoch"]:
                time.sleep(self.random.random() * 0.006)
                return

    def run(self):
        for thread in self.threads:
            thread.start()
        try:
            for _ in range(self.kills):
                self.kill_once()
        except BaseException:
            for thread in self.threads:  # a client that waits for an answer ends with the process
                thread.enough.set()
            raise
        self.end()

    def end(self):
        with self.start() as server:
            server.wait_ready()
            time.sleep(0.5)
            for thread in self.threads:
                thread.enough.set()
            for thread in self.threads:
                thread.join(60)
            flushed = self.flush(server.client)
            self.api.close()
            status = server.client.settle()
            evidence = self.collect(server.client, status, flushed)
            self.failures.equal("exit code of the last stop", server.stop(), 0)
        self.outputs.check(self.failures)
        evidence.sinks = {"totals_changes": self.outputs.rows("totals.jsonl"),
                          "bucket_changes": self.outputs.rows("buckets"),
                          "closed": self.outputs.rows("closed.jsonl"),
                          "clean_rows": self.outputs.rows("rows")}
        for client in self.clients:
            self.failures.check(f"{client.name}: no wrong answer", not client.faults,
                                client.faults[:3])
        self.failures.check(f"one epoch at every look ({self.reader.looks} looks)",
                            not self.reader.faults, self.reader.faults[:3])
        judge.judge(evidence, self.failures)
        print(f"{self.kills} kills {self.moments}, {len(evidence.records)} records pushed, "
              f"{len(evidence.pulled)} pulled, {len(evidence.lines)} lines, "
              f"{len(evidence.dead_letters)} dead letters", flush=True)

    def flush(self, client):
        """Records of every partition, far later than all others: they close all windows."""
        version = self.clock.last + FLUSH_AHEAD_SECONDS
        ledger = load.Ledger(self.folder / "ledger-flush.jsonl")
        partitions = set()
        sequence = 0
        while len(partitions) < PARTITIONS:
            if sequence >= 100:
                raise AssertionError(f"keyless records go to the partitions {partitions} alone")
            record = {"producer": "flush", "seq": sequence, "key": f"flush-{sequence}",
                      "version": version,
                      "amount": 0, "code": "0", "at": load.event_time(version)}
            record["check"] = load.checksum(record)
            ledger.note({"request": sequence, **record})
            status, answer = client.push("events", record)
            if status != 200:
                raise AssertionError(f"{status} {answer}")
            ledger.note({"request": sequence, "fate": "acknowledged", "answer": answer})
            partitions.add(answer["partition"])
            sequence += 1
        return version

    @staticmethod
    def wait_for_letters(client, count):
        """To a log on a cluster they are copied after their commit."""
        ends = time.monotonic() + patience(30)
        while len(client.records("dead_letters")) < count and time.monotonic() < ends:
            time.sleep(0.1)

    def collect(self, client, status, flushed):
        ledger = []
        for path in sorted(self.folder.glob("ledger-*.jsonl")):
            entries = [json.loads(line) for line in path.read_text().splitlines()]
            ledger += [{"client": path.stem, **entry} for entry in entries]
        lines = self.file.path.read_text().splitlines()
        self.wait_for_letters(client, status["dead_letters"])
        return judge.Evidence(
            ledger=ledger, records=client.records("events"), pulled=client.records("pulled"),
            pulled_given=self.api.given, lines=[json.loads(line) for line in lines],
            dead_letters=[r["value"] for r in client.records("dead_letters")], status=status,
            views={name: client.sql(query) for name, query in VIEW_QUERIES.items()}, sinks={},
            flushed_version=flushed)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.randrange(1 << 32)
    print(f"seed {seed}: again with kill_test.py --kills {options.kills} --seed {seed}", flush=True)
    with leat_program.scratch_folder() as folder:
        torture = Torture(folder, options.kills, seed)
        for thread in torture.threads:
            thread.daemon = True
        torture.run()
        torture.failures.end()


if __name__ == "__main__":
    main()
