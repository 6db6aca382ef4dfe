#!/usr/bin/env python3
"""A join of two streams whose rows are not kept: what leaves is right and there once, through kill -9, and nothing asks for it.

A table of PostgreSQL and a file get each pair once; a view over it counts them. What stands over rows that are not there is
refused, its state is bounded, and a sink that is added later begins there.
"""
import http.client
import json
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import leat_program  # noqa: E402
from leat_program import Server  # noqa: E402
from patience import patience  # noqa: E402
from servers.postgresql import PostgreSql  # noqa: E402

ROUNDS = 5
ORDERS_A_ROUND = 400
ARRIVE_SECONDS_MAX = patience(60)
PIPELINE = """
pipeline: shop
topics: {placed: {partitions: 2}, brought: {partitions: 2}}
streams:
  orders:
    from: placed
    columns: {id: bigint, item: text, ordered: timestamp}
    event_time: {column: ordered, delay: 1h}
  deliveries:
    from: brought
    columns: {order_id: bigint, brought: timestamp}
    event_time: {column: brought, delay: 1h}
views:
  delivered:
    query: |
      SELECT o.id, o.item, o.ordered, d.brought FROM orders o JOIN deliveries d
      ON o.id = d.order_id AND d.brought BETWEEN o.ordered AND o.ordered + INTERVAL '2 days'
    keep: false
  by_item: {query: "SELECT item, count(*) AS pairs, sum(id)::BIGINT AS ids FROM delivered GROUP BY item", ttl: 7d}
sinks:
  file: {from: delivered, file: {path: delivered.jsonl}}
  counted: {from: delivered, blackhole: {}}
"""
TEST = """
tests:
  - name: a pair
    given:
      - {stream: orders, rows: [{id: 1, item: pen, ordered: "2026-01-01 00:00:00"}]}
      - stream: deliveries
        rows: [{order_id: 1, brought: "2026-01-02 00:00:00"}, {order_id: 1, brought: "2026-01-09 00:00:00"}]
    expect:
      - {view: delivered, rows: [{id: 1, item: pen, brought: "2026-01-02 00:00:00"}]}
"""


def time_text(minute):
    return f"2026-01-{1 + minute // 1440:02} {minute // 60 % 24:02}:{minute % 60:02}:00"


class Shop:
    """What was pushed, and the pairs that it makes."""

    def __init__(self):
        self.random = random.Random(7)
        self.pairs = []
        self.next = 0

    def push(self, client):
        orders = [{"id": n, "item": self.random.choice(["pen", "ink", "map"]), "ordered": time_text(n)}
                  for n in range(self.next, self.next + ORDERS_A_ROUND)]
        deliveries = []
        for order in orders:
            # Within the time, none, one too early, two.
            for after in self.random.choice([[10], [], [-5], [3, 30]]):
                brought = time_text(max(0, order["id"] + after))
                deliveries.append({"order_id": order["id"], "brought": brought})
                if brought >= order["ordered"]:
                    self.pairs.append([order["id"], order["item"], order["ordered"], brought])
        self.next += ORDERS_A_ROUND
        for topic, rows in (("brought", deliveries), ("placed", orders)):
            status, answer = client.push(topic, rows)
            assert status == 200, answer

    def by_item(self):
        return [[item, len(ids), sum(ids)] for item in ("ink", "map", "pen")
                if (ids := [pair[0] for pair in self.pairs if pair[1] == item])]


def rows_of_file(folder):
    lines = (folder / "delivered.jsonl").read_text().splitlines()
    return [[row["id"], row["item"], *(row[time].replace("T", " ").removesuffix(".000Z") for time in ("ordered", "brought"))]
            for row in map(json.loads, lines)]


def rows_of_table(database, table, wanted):
    """Waits until there are as many; the sink makes the table."""
    ends = time.monotonic() + ARRIVE_SECONDS_MAX
    while True:
        with database.client() as client:
            there = client.query(f"SELECT 1 FROM information_schema.tables WHERE table_name = '{table}'")
            rows = client.query(f"SELECT id::text, item, ordered::text, brought::text FROM {table}") if there else []
        if len(rows) >= wanted or time.monotonic() > ends:
            return [[int(row[0]), *row[1:]] for row in rows]
        time.sleep(0.1)


def once_each(failures, database, folder, shop, path):
    for number in range(ROUNDS):
        with Server(path, folder / "data", cwd=folder) as server:
            server.wait_ready()
            shop.push(server.client)
            if number < ROUNDS - 1:
                time.sleep(shop.random.random() * 0.4)
                server.kill()
                continue
            server.client.settle()
            leat_program.same_rows(failures, "by_item", server.client.sql("SELECT * FROM by_item"), shop.by_item())
            nothing_to_ask_for(failures, server)
            follow(failures, server, shop)
            rows = rows_of_table(database, "delivered", len(shop.pairs))
            leat_program.same_rows(failures, "the table", rows, shop.pairs)
            failures.equal("stopped", server.stop(), 0)
    leat_program.same_rows(failures, "the file", rows_of_file(folder), shop.pairs)


def nothing_to_ask_for(failures, server):
    for method, where, body in (("POST", "/v1/sql", json.dumps({"query": "SELECT count(*) FROM delivered"})),
                                ("GET", "/v1/views/delivered", None),
                                ("POST", "/v1/views/delivered/replay", json.dumps({"from": {"offset": 0}}))):
        status, _, answer = server.client.request(method, where, body, {"Content-Type": "application/json"})
        failures.check(f"{method} {where}: {status}", status == 400 and b"rows-not-kept" in answer, answer[:300])
    status = server.client.status()
    views = {view["name"]: view for view in status["views"]}
    failures.equal("rows of the view", views["delivered"]["rows"], None)
    failures.check("but changes", views["delivered"]["changes"] > 0, views["delivered"])
    failures.check("the blackhole counts", next(s for s in status["sinks"] if s["name"] == "counted")["rows"] > 0, status)


def follow(failures, server, shop):
    """A follower gets what comes from now on."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=patience(30))
    connection.request("GET", "/v1/changes/delivered")
    response = connection.getresponse()
    failures.equal("followed", response.status, 200)
    before = len(shop.pairs)
    shop.push(server.client)
    seen = 0
    while seen < len(shop.pairs) - before:
        line = response.readline()
        assert line, f"the events ended after {seen} rows"
        if line.startswith(b"data: ") and b'"changes"' in line:
            seen += len(json.loads(line[6:])["changes"])
    failures.equal("rows followed", seen, len(shop.pairs) - before)
    connection.close()
    server.client.settle()


def added_later(failures, database, folder, shop):
    path = folder / "later.yaml"
    path.write_text(PIPELINE + sink(database, "delivered") + sink(database, "later"))
    before = len(shop.pairs)
    with Server(path, folder / "data", cwd=folder) as server:
        server.wait_ready()
        shop.push(server.client)
        rows = rows_of_table(database, "later", len(shop.pairs) - before)
        leat_program.same_rows(failures, "a sink added later", rows, shop.pairs[before:])
        failures.check("it is said", "sink to_later: it gets the rows of the view delivered from now on"
                       in server.output(), server.output()[-1000:])


def sink(database, table):
    return f"  to_{table}: {{from: delivered, postgresql: {{uri: '{database.address()}', table: {table}}}}}\n"


def checked(failures, folder):
    """State that is bounded only so, readers that need rows, and the pipeline's own test."""
    path = folder / "checked.yaml"
    path.write_text(PIPELINE + TEST)
    answer = leat_program.run("check", "--strict", path)
    failures.equal(f"bounded: {answer.stderr}", answer.returncode, 0)
    answer = leat_program.run("test", path)
    failures.equal(f"its test: {answer.stdout}{answer.stderr}", answer.returncode, 0)
    path.write_text(PIPELINE.replace("    keep: false\n", ""))
    answer = leat_program.run("check", "--strict", path)
    failures.check("unbounded", answer.returncode != 0 and "keep: false" in answer.stderr, answer.stderr)
    path.write_text(PIPELINE + 'dashboard: [{title: All, stat: "SELECT count(*) AS n FROM delivered"}]\n')
    answer = leat_program.run("check", path)
    failures.check("a panel", answer.returncode != 0 and "rows-not-kept" in answer.stderr, answer.stderr)


def main():
    leat_program.program()
    failures = leat_program.Failures()
    with leat_program.needing_servers():
        database = PostgreSql(auth=True, relay=False)
        PostgreSql.fetch()
    with leat_program.scratch_folder() as folder:
        checked(failures, folder)
        with database:
            path = folder / "shop.yaml"
            path.write_text(PIPELINE + sink(database, "delivered"))
            shop = Shop()
            once_each(failures, database, folder, shop, path)
            added_later(failures, database, folder, shop)
        failures.end()


if __name__ == "__main__":
    main()
