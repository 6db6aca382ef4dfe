#!/usr/bin/env python3
"""leat snapshot and leat restore: a copy taken under load goes on exactly from where it is."""
import json
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import leat_program  # noqa: E402
from leat_program import PushLoad, Server  # noqa: E402

leat_program.need_duckdb()
import duckdb  # noqa: E402

PIPELINE = """
pipeline: shop
topics:
  orders: {partitions: 2}
streams:
  sales:
    from: orders
    columns: {id: integer, customer: text, amount: integer}
    expect: {positive: {that: "amount >= 0"}}
views:
  by_customer: {query: "SELECT customer, count(*) AS sales, sum(amount) AS amount, max(id) AS last FROM sales GROUP BY customer"}
  totals: {query: "SELECT count(*) AS customers, sum(sales) AS sales FROM by_customer"}
"""


def order(n):
    return {"id": n, "customer": f"c{n % 700}", "amount": n % 30 - 1}


def check_views(failures, what, client):
    """The views are what DuckDB says of all the records that this server has; gives how many those are."""
    client.settle()
    records = [json.loads(r["value"]) if isinstance(r["value"], str) else r["value"] for r in client.records("orders")]
    rows = [(r["id"], r["customer"], r["amount"]) for r in records]
    database = duckdb.connect()
    database.execute("CREATE TABLE orders (id BIGINT, customer VARCHAR, amount BIGINT)")
    columns = list(zip(*rows)) if rows else [[], [], []]
    database.execute("INSERT INTO orders SELECT unnest(?::BIGINT[]), unnest(?::VARCHAR[]), unnest(?::BIGINT[])",
                     [list(column) for column in columns])
    wanted = database.execute("SELECT customer, count(*), sum(amount)::BIGINT, max(id) FROM orders WHERE amount >= 0 "
                              "GROUP BY customer").fetchall()
    leat_program.same_rows(failures, f"{what}: by_customer",
                           client.sql("SELECT customer, sales, amount, last FROM by_customer"), wanted)
    failures.equal(f"{what}: totals", client.sql("SELECT * FROM totals"),
                   [[len(wanted), sum(row[1] for row in wanted)]])
    refused = sum(1 for _, _, amount in rows if amount < 0)
    topics = {topic["name"]: topic["records"] for topic in client.status()["topics"]}
    failures.equal(f"{what}: dead letters", topics["dead_letters"], refused)
    failures.equal(f"{what}: each once", len({row[0] for row in rows}), len(rows))
    return len(rows)


def leat(failures, what, *arguments, code=0):
    ended = leat_program.run(*arguments)
    failures.equal(f"{what}: exit code", ended.returncode, code)
    return ended


def under_load(folder, failures):
    path = folder / "shop.yaml"
    path.write_text(PIPELINE)
    before = []
    with Server(path, folder / "data") as server:
        server.wait_ready()
        # The pause: what is pushed is read back as JSON later.
        with PushLoad(server.port, "orders", order, batch=200, pause=0.01) as load:
            for n in range(4):
                load.wait_for((n + 1) * 3000)
                before.append(load.pushed)
                leat(failures, f"snapshot {n}", "snapshot", folder / f"copy{n}",
                     "--server", f"http://127.0.0.1:{server.port}")
        check_views(failures, "the original", server.client)
        server.kill()
    for n, least in enumerate(before):
        leat(failures, f"restore {n}", "restore", folder / f"copy{n}", "--data", folder / f"data{n}")
        with Server(path, folder / f"data{n}") as server:
            server.wait_ready()
            count = check_views(failures, f"restored {n}", server.client)
            failures.check(f"restored {n}: all that was acknowledged before", count >= least, (count, least))
            server.client.push("orders", [order(i) for i in range(count, count + 500)])
            failures.equal(f"restored {n} goes on", check_views(failures, f"later {n}", server.client), count + 500)
            failures.equal("exit code", server.stop(), 0)
    leat(failures, "restore again", "restore", folder / "copy0", "--data", folder / "again")
    with Server(path, folder / "again") as server:
        server.wait_ready()
        failures.check("a snapshot is not touched by what runs on its copy",
                       check_views(failures, "again", server.client) >= before[0])


def at_rest_and_refused(folder, failures):
    path, copy = folder / "shop.yaml", folder / "copy"
    path.write_text(PIPELINE)
    with Server(path, folder / "data") as server:
        server.wait_ready()
        server.client.push("orders", [order(n) for n in range(5000)])
        server.client.settle()
        failures.equal("exit code", server.stop(), 0)
    leat(failures, "at rest", "snapshot", copy, "--data", folder / "data")
    said = leat(failures, "there already", "snapshot", copy, "--data", folder / "data", code=2)
    failures.check("and says so", "snapshot-exists" in said.stderr, said.stderr)
    leat(failures, "restore", "restore", copy, "--data", folder / "restored")
    said = leat(failures, "not over another", "restore", copy, "--data", folder / "restored", code=2)
    failures.check("and says so", "data-exists" in said.stderr, said.stderr)
    with Server(path, folder / "restored") as server:
        server.wait_ready()
        failures.equal("records", check_views(failures, "at rest", server.client), 5000)
    segment = next((copy / "topics" / "orders").rglob("*.log"))
    damaged, torn = folder / "damaged", folder / "torn"
    shutil.copytree(copy, damaged)
    bytes_ = bytearray((damaged / segment.relative_to(copy)).read_bytes())
    bytes_[len(bytes_) // 2] ^= 1
    (damaged / segment.relative_to(copy)).write_bytes(bytes_)
    said = leat(failures, "a damaged one", "restore", damaged, "--data", folder / "never", code=3)
    failures.check("is told", "snapshot-damaged" in said.stderr and segment.name in said.stderr, said.stderr)
    shutil.copytree(copy, torn)
    (torn / "manifest").unlink()
    said = leat(failures, "half a one", "restore", torn, "--data", folder / "never", code=2)
    failures.check("is told, too", "not-a-snapshot" in said.stderr, said.stderr)
    failures.check("and nothing is left", not (folder / "never").exists() and not (folder / "never.unfinished").exists())


if __name__ == "__main__":
    leat_program.run_each(under_load, at_rest_and_refused)
