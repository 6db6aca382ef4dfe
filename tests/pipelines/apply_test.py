#!/usr/bin/env python3
"""leat apply and leat replay: another pipeline, and another beginning, while the server runs."""
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import leat_program  # noqa: E402
from leat_program import PushLoad, Server  # noqa: E402
from patience import patience  # noqa: E402

PIPELINE = """
pipeline: shop
topics:
  orders: {partitions: 3}
streams:
  sales:
    from: orders
    columns: {id: integer, customer: text, amount: integer}
    select: "SELECT id, customer, amount FROM orders WHERE amount >= 0"
views:
  by_customer: {query: "SELECT customer, count(*) AS sales, sum(amount) AS amount FROM sales GROUP BY customer"}
  totals: {query: "SELECT count(*) AS customers, sum(sales) AS sales FROM by_customer"}
"""
LARGEST = '  largest: {query: "SELECT max(amount) AS most, max(id) AS last FROM sales"}\n'
# A query of several steps, over what was there before it.
JOINED = '''  joined:
    query: >-
      SELECT s.customer, count(*) AS n FROM by_customer s JOIN by_customer o ON s.sales = o.sales
      WHERE s.customer < o.customer GROUP BY s.customer
'''


def order(n):
    return {"id": n, "customer": f"c{n % 100}", "amount": n % 30 - 1}


def wanted(numbers):
    rows = {}
    for n in numbers:
        row = order(n)
        if row["amount"] >= 0:
            sales, amount = rows.get(row["customer"], (0, 0))
            rows[row["customer"]] = (sales + 1, amount + row["amount"])
    return [[customer, *sums] for customer, sums in sorted(rows.items())]


def asked(command, *arguments):
    """Runs the command; gives how it ended."""
    return leat_program.run(command, *arguments, timeout=120)


def applied(failures, what, path, server, *options, code=0):
    ended = asked("apply", path, "--server", f"http://127.0.0.1:{server.port}", *options)
    failures.equal(f"{what}: exit code", ended.returncode, code)
    server.client.close()
    return ended


def fates(ended):
    return {f"{n['kind']}/{n['name']}": n["fate"] for n in json.loads(ended.stdout)["nodes"]}


def compare(failures, what, client, count):
    rows = wanted(range(count))
    failures.equal(f"{what}: by_customer", client.sql("SELECT customer, sales, amount FROM by_customer ORDER BY ALL"), rows)
    failures.equal(f"{what}: totals", client.sql("SELECT * FROM totals"), [[len(rows), sum(row[1] for row in rows)]])


def under_load(folder, failures):
    """Views come, change and go while orders are pushed: each is counted once in each of them."""
    path = folder / "shop.yaml"
    path.write_text(PIPELINE)
    with Server(path, folder / "data") as server:
        server.wait_ready()
        process = server.process.pid
        with PushLoad(server.port, "orders", order, batch=100, pause=0.002) as load:
            load.wait_for(5000)
            path.write_text(PIPELINE + LARGEST)
            ended = applied(failures, "one more", path, server, "--json")
            failures.equal("one is new", [n for n, fate in fates(ended).items() if fate != "kept"], ["view/largest"])
            path.write_text(PIPELINE.replace("count(*) AS sales, sum(amount) AS amount",
                                             "count(*) AS sales, sum(amount) AS amount, min(id) AS first") + LARGEST + JOINED)
            ended = applied(failures, "one other", path, server, "--json")
            failures.equal("what is rebuilt", {n: fate for n, fate in fates(ended).items() if fate != "kept"},
                           {"view/by_customer": "rebuilt", "view/totals": "rebuilt", "view/joined": "new"})
            load.wait_for(load.pushed + 1000)
        server.client.settle()
        compare(failures, "under load", server.client, load.pushed)
        most = max(order(n)["amount"] for n in range(30))
        last = max(n for n in range(load.pushed) if order(n)["amount"] >= 0)
        failures.equal("largest", server.client.sql("SELECT * FROM largest"), [[most, last]])
        rows = wanted(range(load.pushed))
        pairs = {}
        for customer, sales, _ in rows:
            n = sum(1 for other, its, _ in rows if its == sales and customer < other)
            if n:
                pairs[customer] = n
        failures.equal("joined", server.client.sql("SELECT * FROM joined ORDER BY ALL"),
                       [[customer, n] for customer, n in sorted(pairs.items())])
        failures.check("requests waited for a moment only", load.longest < patience(10), load.longest)
        failures.equal("the same process", server.process.pid, process)
        path.write_text(PIPELINE)
        applied(failures, "back", path, server)
        compare(failures, "back", server.client, load.pushed)
        failures.equal("gone", server.client.request("GET", "/v1/views/largest")[0], 404)
        failures.equal("exit code", server.stop(), 0)
    print(f"{load.pushed} orders, the longest request {load.longest * 1000:.0f} ms")
    with Server(path, folder / "data") as server:
        server.wait_ready()
        compare(failures, "started again", server.client, load.pushed)
        server.stop()


def refused(folder, failures):
    """What can't be applied leaves the server as it is."""
    path, out = folder / "shop.yaml", folder / "out.csv"
    sink = f'sinks:\n  out: {{from: by_customer, file: {{path: "{out}", format: csv, if_exists: replace}}, changes: true}}\n'
    path.write_text(PIPELINE + sink)
    with Server(path, folder / "data") as server:
        server.wait_ready()
        client = server.client
        client.push("orders", [order(n) for n in range(1000)])
        client.settle()
        ended = applied(failures, "the same", path, server)
        failures.check("nothing to do", "nothing to do" in ended.stdout, ended.stdout)

        path.write_text((PIPELINE + sink).replace("sum(amount)", "summ(amount)"))
        ended = applied(failures, "faulty", path, server, code=2)
        failures.check("its place is told", f"{path}:11:" in ended.stderr and "summ" in ended.stderr, ended.stderr)

        other = (PIPELINE + sink).replace("sum(amount)", "max(amount)")
        path.write_text(other)
        ended = applied(failures, "its sink has written", path, server, code=2)
        failures.check("and why", "pipeline-changed" in ended.stderr and "sink out" in ended.stderr, ended.stderr)

        path.write_text(PIPELINE + sink + "log: {kafka: {brokers: [\"127.0.0.1:1\"]}}\n")
        ended = applied(failures, "can't begin", path, server, code=2)
        failures.check("is given up", "log-changed" in ended.stderr and "goes on" in ended.stderr, ended.stderr)
        compare(failures, "as it was", client, 1000)
        client.push("orders", [order(n) for n in range(1000, 1200)])
        client.settle()
        compare(failures, "and goes on", client, 1200)

        path.write_text(other)
        ended = applied(failures, "rebuild", path, server, "--rebuild")
        failures.equal("rebuild: said", ended.stderr, "")
        most = {c: max(order(n)["amount"] for n in range(1200) if order(n)["customer"] == c) for c, _, _ in wanted(range(1200))}
        failures.equal("rebuilt", client.sql("SELECT customer, amount FROM by_customer ORDER BY ALL"),
                       [[c, m] for c, m in sorted(most.items())])
        status, _, body = client.request("POST", "/v1/pipeline", "{}", {"Content-Type": "application/json"})
        failures.equal("a body of no sense", (status, json.loads(body)["error"]["code"]), (400, "bad-parameter"))
        failures.equal("exit code", server.stop(), 0)


def without_state(folder, failures):
    """Panels and expectations of what is shown come without anything being computed."""
    path = folder / "shop.yaml"
    path.write_text(PIPELINE)
    with Server(path, folder / "data") as server:
        server.wait_ready()
        server.client.push("orders", [order(n) for n in range(1000)])
        server.client.settle()
        path.write_text(PIPELINE + 'dashboard:\n  - {title: Sales, stat: "SELECT sales FROM totals"}\n')
        applied(failures, "a panel", path, server)
        panels = server.client.json("GET", "/v1/dashboard")["panels"]
        failures.equal("is there", [panel["title"] for panel in panels], ["Sales"])
        compare(failures, "as it was", server.client, 1000)
        topic = PIPELINE.replace("topics:\n", "topics:\n  visits: {}\n").replace(
            "views:\n", "  seen: {from: visits, columns: {id: integer}}\nviews:\n") + \
            '  visitors: {query: "SELECT count(*) AS n FROM seen"}\n'
        path.write_text(topic)
        applied(failures, "a topic", path, server)
        server.client.push("visits", [{"id": 1}, {"id": 2}])
        server.client.settle()
        failures.equal("visitors", server.client.sql("SELECT * FROM visitors"), [[2]])
        compare(failures, "still", server.client, 1000)
        server.stop()


def over_a_table(folder, failures):
    """A view that joins a table of a file is computed anew with the rows that the others have, and follows the file after it."""
    path, classes = folder / "shop.yaml", folder / "classes.csv"
    classes.write_text("customer,class\n" + "".join(f"c{n},{n % 3}\n" for n in range(100)))
    tables = f'tables:\n  classes: {{file: {{path: "{classes}", reload: 50ms}}}}\n'
    text = PIPELINE.replace("views:\n", tables + "views:\n") + \
        '  by_class: {query: "SELECT class, %s AS n FROM by_customer b JOIN classes c USING (customer) GROUP BY class"}\n'
    path.write_text(text % "count(*)")
    with Server(path, folder / "data") as server:
        server.wait_ready()
        server.client.push("orders", [order(n) for n in range(1000)])
        server.client.settle()
        rows = {customer: sales for customer, sales, _ in wanted(range(1000))}

        def sales_by(class_of):
            sums = {}
            for customer, sales in rows.items():
                key = class_of(int(customer[1:]))
                sums[key] = sums.get(key, 0) + sales
            return [[key, n] for key, n in sorted(sums.items())]

        path.write_text(text % "sum(b.sales)")
        applied(failures, "another sum", path, server)
        failures.equal("by class", server.client.sql("SELECT * FROM by_class ORDER BY ALL"), sales_by(lambda n: n % 3))
        new = folder / "new.csv"
        new.write_text("customer,class\n" + "".join(f"c{n},{n % 2}\n" for n in range(100)))
        new.rename(classes)
        deadline = time.monotonic() + patience(20)
        while server.client.sql("SELECT count(*) FROM by_class") != [[2]] and time.monotonic() < deadline:
            time.sleep(0.05)
        failures.equal("and follows the file", server.client.sql("SELECT * FROM by_class ORDER BY ALL"),
                       sales_by(lambda n: n % 2))
        server.stop()


def killed(folder, failures):
    """Whenever it is killed, old and new files find what they should."""
    path = folder / "shop.yaml"
    count = 300_000
    path.write_text(PIPELINE)
    with Server(path, folder / "data") as server:
        server.wait_ready()
        for first in range(0, count, 20_000):
            server.client.push("orders", [order(n) for n in range(first, first + 20_000)])
        server.client.settle()
        server.stop()
    other = PIPELINE.replace("count(*) AS sales, sum(amount)", "count(*) AS sales, sum(amount)::BIGINT")
    for n, wait in enumerate((0.0, 0.1, 0.2, 0.3, 0.5, 0.8)):
        now = [PIPELINE, other][n % 2]
        then = [PIPELINE, other][1 - n % 2]
        path.write_text(now)
        with Server(path, folder / "data") as server:
            server.wait_ready()
            compare(failures, f"before kill {n}", server.client, count)
            body = json.dumps({"files": [{"file": str(path), "text": then}]})
            status, _, _ = server.client.request("POST", "/v1/pipeline", body, {"Content-Type": "application/json"})
            failures.equal("accepted", status, 202)
            server.client.push("orders", [order(n) for n in range(count, count + 100)])
            count += 100
            time.sleep(wait)
            server.kill()


def from_elsewhere(folder, failures):
    """A replayed view is what its query says of the records from there on; others are untouched."""
    path = folder / "shop.yaml"
    path.write_text(PIPELINE.replace("{partitions: 3}", "{}") + LARGEST)
    with Server(path, folder / "data") as server:
        server.wait_ready()
        client, at = server.client, ("--server", f"http://127.0.0.1:{server.port}")

        def check(what, first, count):
            client.close()
            client.settle()
            rows = wanted(range(first, count))
            failures.equal(f"{what}: by_customer", client.sql("SELECT * FROM by_customer ORDER BY ALL"), rows)
            failures.equal(f"{what}: what stands on it", client.sql("SELECT * FROM totals"),
                           [[len(rows), sum(row[1] for row in rows) if rows else None]])
            last = max(n for n in range(count) if order(n)["amount"] >= 0)
            failures.equal(f"{what}: the other", client.sql("SELECT last FROM largest"), [[last]])

        def told(ended, records):
            failures.check(f"{records} are read again", f"\n{records} records of topic orders" in ended.stdout, ended.stdout)

        client.push("orders", [order(n) for n in range(2000)])
        client.settle()
        time.sleep(0.05)
        between = time.time()
        time.sleep(0.05)
        client.push("orders", [order(n) for n in range(2000, 3000)])
        client.settle()
        ended = asked("replay", "by_customer", "--from", "1500", *at)
        failures.equal("from an offset: exit code", ended.returncode, 0)
        failures.check("the plan is told", "another beginning" in ended.stdout, ended.stdout)
        told(ended, 1500)
        check("from an offset", 1500, 3000)
        client.push("orders", [order(n) for n in range(3000, 3100)])
        check("and goes on", 1500, 3100)
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(between)) + f".{int(between % 1 * 1000):03}Z"
        ended = asked("replay", "by_customer", "--from", moment, *at)
        failures.equal("from a time: exit code", ended.returncode, 0)
        told(ended, 1100)
        check("from a time", 2000, 3100)
        ended = asked("replay", "by_customer", "--from", "99999999", *at)
        failures.equal("from the end: exit code", ended.returncode, 0)
        told(ended, 0)
        check("from the end", 3100, 3100)
        failures.equal("from the beginning: exit code", asked("replay", "by_customer", "--from", "0", *at).returncode, 0)
        check("from the beginning", 0, 3100)
        ended = asked("replay", "by_custome", "--from", "0", *at)
        failures.check("no such view", ended.returncode == 2 and 'did you mean "by_customer"' in ended.stderr, ended.stderr)
        ended = asked("replay", "by_customer", "--from", "yesterday", *at)
        failures.check("no such time", ended.returncode == 2 and "bad-parameter" in ended.stderr, ended.stderr)
        failures.equal("last: exit code", asked("replay", "by_customer", "--from", "100", *at).returncode, 0)
        client.close()
        failures.equal("exit code", server.stop(), 0)
    with Server(path, folder / "data") as server:
        server.wait_ready()
        failures.equal("after a restart", server.client.sql("SELECT * FROM by_customer ORDER BY ALL"), wanted(range(100, 3100)))
        server.stop()


if __name__ == "__main__":
    leat_program.run_each(under_load, refused, without_state, over_a_table, killed, from_elsewhere)
