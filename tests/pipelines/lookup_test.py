#!/usr/bin/env python3
"""Streams that look rows up in a real Cassandra: joined, cached, while it is away, and after kill -9.

The node is frozen, killed and started again under load; every row that was pushed must come out once, joined with what
the table has. A changed row must be seen when the cache's time is over. What `leat check --connect` says of a table that is
not as the pipeline has it is looked at, too.
"""
import json
import os
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import leat_program  # noqa: E402
from patience import patience  # noqa: E402
from servers.cassandra import Cassandra  # noqa: E402
from servers.process import wait_until  # noqa: E402

CACHE_SECONDS = 3
KEYS = 200
PIPELINE = """\
pipeline: lookup
topics: {orders: {partitions: 2}}
tables:
  countries:
    cassandra: {hosts: ["${CASSANDRA}"], table: reference.countries, timeout: 1s}
    columns: {code: text, continent: text, size: bigint}
    key: code
    cache: {for: CACHE_TIME, missing_for: 500ms}
  prices:
    cassandra: {hosts: ["${CASSANDRA}"], table: reference.prices, timeout: 1s}
    columns: {country: text, year: integer, price: "decimal(10, 2)"}
    key: [country, year]
streams:
  placed:
    from: orders
    columns: {id: bigint, country: text, year: integer}
    recent_rows: 100000
  enriched:
    from: placed
    select: >
      SELECT o.*, c.continent, c.size, p.price
      FROM placed o LEFT JOIN countries c ON c.code = o.country
      LEFT JOIN prices p ON p.country = o.country AND p.year = o.year
    recent_rows: 100000
  known:
    from: orders
    columns: {id: bigint, country: text}
    select: SELECT o.id, c.continent FROM orders o JOIN countries c ON c.code = o.country
    recent_rows: 100000
views:
  by_continent:
    query: SELECT continent, count(*) AS orders, count(DISTINCT id) AS ids FROM enriched GROUP BY continent
sinks:
  out: {from: enriched, file: {path: OUT_FILE}}
"""


def code(number):
    return f"C{number:03}"


def continent(number):
    return ["Europe", "Asia", "Africa", "America"][number % 4]


def set_up(cassandra):
    with cassandra.client() as client:
        client.query("CREATE KEYSPACE reference WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
        client.query("CREATE TABLE reference.countries (code text PRIMARY KEY, continent text, size int, other text)")
        client.query("CREATE TABLE reference.prices (country text, year int, price decimal, PRIMARY KEY (country, year))")
        for number in range(KEYS):
            client.query(f"INSERT INTO reference.countries (code, continent, size) VALUES "
                         f"('{code(number)}', '{continent(number)}', {number})")
            client.query(f"INSERT INTO reference.prices (country, year, price) VALUES ('{code(number)}', 2026, {number}.5)")


def row_of(number):
    """An order and how it must come out; every tenth country is not in the table, some are odd."""
    country = {1: None, 2: "", 3: "none"}.get(number % 10, code(number % KEYS))
    known = number % 10 > 3 or number % 10 == 0
    year = 2026 if number % 3 else 1999
    place = number % KEYS
    return ({"id": number, "country": country, "year": year},
            [number, country, year, continent(place) if known else None, place if known else None,
             f"{place}.50" if known and year == 2026 else None])


class Load(threading.Thread):
    """Pushes orders until it is told to end; notes how many were acknowledged."""

    def __init__(self, port, first):
        super().__init__()
        self.client = leat_program.Client(port)
        self.first = self.next = first
        self.ends = threading.Event()
        self.start()

    def run(self):
        while not self.ends.is_set():
            batch = [row_of(number)[0] for number in range(self.next, self.next + 20)]
            status, _ = self.client.push("orders", batch)
            if status != 200:
                raise AssertionError(f"a push was answered with {status}")
            self.next += 20
            time.sleep(0.02)

    def end(self):
        self.ends.set()
        self.join(30)
        return self.next


def table_state(server, name="countries"):
    return next(table for table in server.client.status()["tables"] if table["name"] == name)


def metric(server, name, table="countries"):
    text = server.client.request("GET", "/metrics")[2].decode()
    return next(float(line.split()[-1]) for line in text.splitlines()
                if line.startswith(name + "{") and f'table="{table}"' in line)


def compare(failures, what, server, count):
    server.client.settle()
    got = [[*row[:5], None if row[5] is None else str(row[5])]
           for row in server.client.sql("SELECT id, country, year, continent, size, price::VARCHAR FROM enriched")]
    leat_program.same_rows(failures, what, got, [row_of(number)[1] for number in range(count)])


def compare_file(failures, what, path, count):
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    got = [[row["id"], row["country"], row["year"], row["continent"], row["size"],
            None if row["price"] is None else f"{float(row['price']):.2f}"] for row in rows]
    leat_program.same_rows(failures, what, got, [row_of(number)[1] for number in range(count)])


def away(failures, server, first, what, leave, come_back):
    """The node goes away under load for a while: what is to be joined waits, and nothing is lost."""
    load = Load(server.port, first)
    time.sleep(0.5)
    leave()
    # Its cached rows are too old by then.
    wait_until(lambda: table_state(server)["waiting_seconds"] > CACHE_SECONDS + 1, 30, f"{what}: streams wait")
    wait_until(lambda: table_state(server)["last_error"], 30, f"{what}: its error is told")
    state = table_state(server)
    failures.check(f"{what}: the status says so", state["state"] == "retrying", state)
    failures.check(f"{what}: the metrics say so", metric(server, "leat_table_failing") == 1
                   and metric(server, "leat_table_waiting_seconds") > 1)
    failures.check(f"{what}: the server answers", server.client.sql("SELECT 1")[0][0] == 1)
    come_back()
    time.sleep(0.5)
    count = load.end()
    compare(failures, f"{what}: every order comes out once", server, count)
    failures.equal(f"{what}: no row was refused for it", server.client.status()["dead_letters"], 0)
    failures.equal(f"{what}: the table is there again", table_state(server)["state"], "ready")
    return count


def changed_row(failures, cassandra, server):
    """Seen after the cache's time, not before; a row that is new, too."""
    with cassandra.client() as client:
        client.query("INSERT INTO reference.countries (code, continent) VALUES ('ZZ', 'old')")
        push = lambda number: server.client.push("orders", [{"id": number, "country": "ZZ", "year": 1}])  # noqa: E731
        seen = lambda number: server.client.sql(f"SELECT continent FROM enriched WHERE id = {number}")  # noqa: E731
        push(-1)
        server.client.settle()
        client.query("INSERT INTO reference.countries (code, continent) VALUES ('ZZ', 'new')")
        push(-2)
        server.client.settle()
        time.sleep(CACHE_SECONDS + 0.2)
        push(-3)
        server.client.settle()
        failures.equal("a changed row: first", seen(-1), [["old"]])
        failures.equal("a changed row: within the cache's time", seen(-2), [["old"]])
        failures.equal("a changed row: after it", seen(-3), [["new"]])


def check_connect(failures, pipeline, environment, folder):
    """Each difference between the file and the table is named."""
    def said(text):
        path = folder / "other.yaml"
        path.write_text(text)
        found = leat_program.run("check", "--connect", path, env=environment)
        return found.returncode, found.stdout + found.stderr

    returned, text = said(pipeline)
    failures.check("check --connect: all is there", returned == 0 and "reference.countries is there" in text, text)
    for what, old, new, words in [
            ("a missing table", "reference.countries", "reference.nowhere", "there is no table reference.nowhere"),
            ("a missing column", "continent: text", "continent: text, kontinent: text", 'did you mean "continent"?'),
            ("another type", "continent: text", "continent: integer", "declare it as text"),
            ("a part of the key", "key: [country, year]", "key: year", "write key: [country, year]")]:
        returned, text = said(pipeline.replace(old, new))
        failures.check(f"check --connect: {what}", returned == 2 and words in text, text)


def run_all(failures, cassandra, folder):
    set_up(cassandra)
    environment = cassandra.environment()
    pipeline = folder / "lookup.yaml"
    out = folder / "out.jsonl"
    text = PIPELINE.replace("CACHE_TIME", f"{CACHE_SECONDS}s").replace("OUT_FILE", str(out))
    pipeline.write_text(text)
    check_connect(failures, text, {**os.environ, **environment}, folder)
    data = folder / "data"
    with leat_program.Server(pipeline, data, env=environment).wait_ready() as server:
        server.client.push("orders", [row_of(number)[0] for number in range(1000)])
        compare(failures, "orders are joined with two tables", server, 1000)
        known = [[number, row_of(number)[1][3]] for number in range(1000) if row_of(number)[1][3]]
        leat_program.same_rows(failures, "JOIN leaves out what has no row",
                               server.client.sql("SELECT id, continent FROM known"), known)
        state = table_state(server)
        failures.check("keys are asked once", state["misses"] < 3 * KEYS < 1000 and state["hits"] > 0, state)
        failures.check("keys without a row are counted", state["missing"] > 0, state)
        graph = server.client.json("GET", "/v1/pipeline")
        failures.check("/v1/pipeline has the table and its streams", {"from": "table:countries", "to": "stream:enriched"}
                       in graph["edges"] and any(node["id"] == "table:countries" for node in graph["nodes"]))
        count = away(failures, server, 1000, "frozen", cassandra.freeze, cassandra.thaw)
        count = away(failures, server, count, "killed", cassandra.kill, cassandra.restart)

        # Killed while it looks up, with the table away: what was not committed is done again.
        load = Load(server.port, count)
        time.sleep(0.3)
        cassandra.freeze()
        wait_until(lambda: table_state(server)["waiting_seconds"] > 0.5, 30, "streams wait")
        count = load.end()
        server.kill()
        cassandra.thaw()
    with leat_program.Server(pipeline, data, env=environment).wait_ready() as server:
        wait_until(lambda: server.client.sql("SELECT coalesce(sum(orders), 0) FROM by_continent")[0][0] == count, 60,
                   "after kill -9 every order is counted")
        leat_program.same_rows(failures, "after kill -9 each is counted once",
                               server.client.sql("SELECT continent, orders, ids FROM by_continent"), counts(count))
        cassandra.freeze()
        server.client.push("orders", [row_of(count)[0]])
        began = time.monotonic()
        failures.equal("SIGTERM while the table is away ends well", server.stop(60), 0)
        failures.check("and soon", time.monotonic() - began < patience(30), time.monotonic() - began)
        cassandra.thaw()
    with leat_program.Server(pipeline, data, env=environment).wait_ready() as server:
        wait_until(lambda: server.client.sql("SELECT sum(orders) FROM by_continent")[0][0] == count + 1, 60,
                   "what waited at the stop is taken in at the next start")
        server.client.settle()
        failures.equal("the server ends well", server.stop(), 0)
    compare_file(failures, "the sink has every order once", out, count + 1)
    out.unlink()
    with leat_program.Server(pipeline, folder / "fresh", env=environment).wait_ready() as server:
        changed_row(failures, cassandra, server)


def counts(count):
    found = {}
    for number in range(count):
        key = row_of(number)[1][3]
        found[key] = found.get(key, 0) + 1
    return [[key, number, number] for key, number in found.items()]


def main():
    leat_program.program()
    failures = leat_program.Failures()
    with leat_program.needing_servers():
        cassandra = Cassandra(relay=False)
        Cassandra.fetch()
    with leat_program.scratch_folder() as folder:
        with cassandra:
            run_all(failures, cassandra, folder)
        failures.end()


if __name__ == "__main__":
    main()
