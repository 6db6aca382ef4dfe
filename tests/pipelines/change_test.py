#!/usr/bin/env python3
"""A changed pipeline file: what means the same keeps its state, the rest is computed from the topics' first records."""
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import leat_program  # noqa: E402
from leat_program import Server  # noqa: E402
from patience import patience  # noqa: E402

PIPELINE = """
pipeline: shop
topics:
  orders: {partitions: 3}
streams:
  sales:
    from: orders
    columns: {id: integer, customer: text, amount: integer, country: text}
    select: "SELECT id, customer, amount, country FROM orders WHERE amount > 0"
views:
  by_country: {query: "SELECT country, count(*) AS sales, sum(amount) AS amount FROM sales GROUP BY country"}
  by_customer: {query: "SELECT customer, count(*) AS sales, max(amount) AS most FROM sales GROUP BY customer"}
  countries: {query: "SELECT count(*) AS countries, max(sales) AS most FROM by_country"}
"""
# The same in other words.
REWORDED = """
# a comment
pipeline: shop
topics: {orders: {partitions: 3}}
views:
  countries: {query: "select count(*) as countries, max( sales ) as most from by_country -- all"}
  by_customer:
    query: |
      SELECT customer, count(*) AS sales, max(amount) AS most
      FROM sales
      GROUP BY customer
  by_country: {query: "SELECT country, count(*) AS sales, sum(amount) AS amount FROM sales GROUP BY country"}
streams:
  sales:
    select: "SELECT id, customer, amount, country FROM orders WHERE (amount > 0)"
    columns: {id: integer, customer: text, amount: integer, country: text}
    from: orders
"""


def order(n):
    return {"id": n, "customer": f"c{n % 1000}", "amount": n % 50 - 5, "country": "ABCDEFG"[n % 7]}


def push(client, begin, end, batch=2000):
    for first in range(begin, end, batch):
        client.push("orders", [order(n) for n in range(first, min(end, first + batch))])
    client.settle()


def wanted(count, least=0):
    """What the views hold over the first orders, where sales are those of more than `least`."""
    by_country, by_customer = {}, {}
    for n in range(count):
        row = order(n)
        if row["amount"] <= least:
            continue
        sales, amount = by_country.get(row["country"], (0, 0))
        by_country[row["country"]] = (sales + 1, amount + row["amount"])
        sales, most = by_customer.get(row["customer"], (0, -1))
        by_customer[row["customer"]] = (sales + 1, max(most, row["amount"]))
    return {
        "by_country": [[c, *v] for c, v in sorted(by_country.items())],
        "by_customer": [[c, *v] for c, v in sorted(by_customer.items())],
        "countries": [[len(by_country), max(sales for sales, _ in by_country.values())]],
    }


def compare(failures, what, client, rows_by_view):
    for view, rows in rows_by_view.items():
        failures.equal(f"{what}: {view}", client.sql(f"SELECT * FROM {view} ORDER BY ALL"), rows)


def view_changes(client):
    return {view["name"]: view["changes"] for view in client.json("GET", "/v1/status")["views"]}


def run_with(path, text, folder, act, failures):
    """Runs the pipeline until `act` has looked at it; gives what it said."""
    path.write_text(text)
    with Server(path, folder / "data") as server:
        said_before = len(server.output())
        server.wait_ready()
        act(server.client)
        failures.equal("exit code", server.stop(), 0)
    return server.output()[said_before:]


def same_meaning(folder, failures):
    path = folder / "shop.yaml"
    run_with(path, PIPELINE, folder, lambda client: push(client, 0, 5000), failures)
    changes = {}

    def look(client):
        compare(failures, "reworded", client, wanted(5000))
        changes.update(view_changes(client))
        push(client, 5000, 6000)
        compare(failures, "and goes on", client, wanted(6000))
    said = run_with(path, REWORDED, folder, look, failures)
    failures.check("nothing is computed anew", "computed anew" not in said, said)
    failures.check("counts go on", changes["by_country"] >= 7, changes)


def one_view_changes(folder, failures):
    """The other views are kept, and their sinks see nothing of it."""
    path, out = folder / "shop.yaml", folder / "out.csv"
    sink = f"""
sinks:
  out: {{from: by_country, file: {{path: "{out}", format: csv}}, changes: true}}
"""
    run_with(path, PIPELINE + sink, folder, lambda client: push(client, 0, 5000), failures)
    lines = len(out.read_text().splitlines())
    changed = PIPELINE.replace("max(amount) AS most", "min(amount) AS most")

    def least_of(count):
        rows = {}
        for n in range(count):
            row = order(n)
            if row["amount"] > 0:
                sales, least = rows.get(row["customer"], (0, 1000))
                rows[row["customer"]] = (sales + 1, min(least, row["amount"]))
        return [[c, *v] for c, v in sorted(rows.items())]

    def look(client):
        compare(failures, "one changed", client, {**wanted(5000), "by_customer": least_of(5000)})
        failures.equal("lines in the sink of another", len(out.read_text().splitlines()), lines)
        push(client, 5000, 7000)
        compare(failures, "and goes on", client, {**wanted(7000), "by_customer": least_of(7000)})
    said = run_with(path, changed + sink, folder, look, failures)
    failures.check("only that one is computed anew",
                   "view by_customer (another" in said and "by_country" not in said.split("computed anew")[1], said)

    def look_again(client):
        compare(failures, "once more", client, {**wanted(7000), "by_customer": least_of(7000)})
    said = run_with(path, changed + sink, folder, look_again, failures)
    failures.check("once only", "computed anew" not in said, said)
    refused = change_refused(path, (changed + sink).replace("sum(amount)", "avg(amount)"), folder)
    failures.check("a view whose sink has written", refused.returncode == 2 and "pipeline-changed" in refused.stderr
                   and "sink out has written" in refused.stderr, refused.stderr)


def change_refused(path, text, folder):
    path.write_text(text)
    return leat_program.run("run", path, "--data", folder / "data", "--listen", "127.0.0.1:0", "--quiet")


def views_come_and_go(folder, failures):
    path = folder / "shop.yaml"
    less = "\n".join(line for line in PIPELINE.splitlines() if "by_customer" not in line) + "\n"
    more = PIPELINE + '  of_customers: {query: "SELECT sum(sales) AS sales FROM by_customer"}\n'
    run_with(path, less, folder, lambda client: push(client, 0, 3000), failures)
    total = sum(sales for _, sales, _ in wanted(3000)["by_customer"])
    run_with(path, more, folder, lambda client: compare(
        failures, "two more", client, {**wanted(3000), "of_customers": [[total]]}), failures)
    run_with(path, less, folder, lambda client: push(client, 3000, 4000), failures)
    run_with(path, PIPELINE, folder, lambda client: compare(failures, "back", client, wanted(4000)), failures)


def a_stream_changes(folder, failures):
    """All that stands on it is computed anew, and what it refuses now is among the dead letters."""
    path = folder / "shop.yaml"
    other = """
  visits:
    from: orders
    columns: {id: integer}
"""
    view = '  visitors: {query: "SELECT count(*) AS visits FROM visits"}\n'
    text = PIPELINE.replace("views:\n", other.lstrip("\n") + "views:\n") + view
    run_with(path, text, folder, lambda client: push(client, 0, 4000), failures)
    changed = text.replace("amount > 0", "amount > 10").replace(
        "    select:", "    expect: {small: {that: \"amount < 44\"}}\n    select:")

    def look(client):
        rows = {}
        for n in range(4000):
            row = order(n)
            if 10 < row["amount"] < 44:
                sales, amount = rows.get(row["country"], (0, 0))
                rows[row["country"]] = (sales + 1, amount + row["amount"])
        compare(failures, "stream changed", client,
                {"by_country": [[c, *v] for c, v in sorted(rows.items())], "visitors": [[4000]]})
        streams = {s["name"]: s for s in client.json("GET", "/v1/status")["streams"]}
        failures.equal("its rows are counted anew", (streams["sales"]["accepted"], streams["sales"]["dead_letters"]),
                       (4000, 80))
        failures.equal("the other's go on", streams["visits"]["accepted"], 4000)
        topics = {t["name"]: t for t in client.json("GET", "/v1/status")["topics"]}
        failures.equal("dead letters", topics["dead_letters"]["records"], 80)
    said = run_with(path, changed, folder, look, failures)
    failures.check("the other is kept", "visits" not in said.split("computed anew")[1].split("\n")[0], said)


WINDOWS = """
pipeline: visits
topics: {clicks: {partitions: 3}}
streams:
  visits:
    from: clicks
    columns: {id: integer, made: timestamp}
    event_time: {column: made, delay: 2s}
views:
  kept:
    query: "SELECT window_start, count(*) AS visits FROM tumble(visits, made, INTERVAL '10 seconds') GROUP BY window_start"
    emit: on_close
  again:
    query: "SELECT window_start, count(*) AS visits %s FROM tumble(visits, made, INTERVAL '10 seconds') GROUP BY window_start"
    emit: on_close
"""


def click(n):
    return {"id": n, "made": f"2026-01-01T{n // 36000:02}:{n // 600 % 60:02}:{n // 10 % 60:02}.{n % 10}Z"}


def windows_are_as_they_were(folder, failures):
    """Partitions that end at different times of their events: no row is late that was not."""
    path = folder / "visits.yaml"

    def push_clicks(client, begin, end):
        for first in range(begin, end, 300):
            client.push("clicks", [click(n) for n in range(first, first + 300)])
        client.settle()

    def same(what, client):
        kept = client.sql("SELECT window_start, visits FROM kept ORDER BY ALL")
        failures.check(f"{what}: windows have closed", len(kept) > 100, len(kept))
        failures.equal(f"{what}: again", client.sql("SELECT window_start, visits FROM again ORDER BY ALL"), kept)
        counts = {view["name"]: (view["rows"], view["late"]) for view in client.status()["views"]}
        failures.equal(f"{what}: late", counts["again"], counts["kept"])
        return kept

    run_with(path, WINDOWS % "", folder, lambda client: push_clicks(client, 0, 18_000), failures)
    rows = []

    def look(client):
        client.settle()
        rows.extend(same("changed", client))
        push_clicks(client, 18_000, 21_000)
        failures.check("and goes on", len(same("later", client)) > len(rows))
    run_with(path, WINDOWS % ", max(id) AS last", folder, look, failures)


def files_are_read_again(folder, failures):
    path, archive = folder / "files.yaml", folder / "archive"
    archive.mkdir()
    text = f"""
pipeline: files
sources:
  parts: {{file: {{path: "{archive}/*.json"}}, topic: lines}}
streams:
  numbers: {{from: lines, columns: {{n: integer}}}}
views:
  kept: {{query: "SELECT count(*) AS lines FROM numbers"}}
  sums: {{query: "SELECT %s AS total FROM numbers"}}
"""

    def write(name, begin, end, mode="w"):
        with open(archive / name, mode) as file:
            file.writelines(f'{{"n": {n}}}\n' for n in range(begin, end))

    write("a.json", 0, 30_000)
    write("b.json", 30_000, 31_000)

    def look(rows):
        def compare_all(client):
            deadline = time.monotonic() + patience(20)
            while client.sql("SELECT * FROM kept") != rows["kept"] and time.monotonic() < deadline:
                time.sleep(0.05)
            compare(failures, "files", client, rows)
            client.settle()
        return compare_all
    run_with(path, text % "sum(n)", folder,
             look({"kept": [[31_000]], "sums": [[sum(range(31_000))]]}), failures)
    write("c.json", 31_000, 32_000)  # new to both: it comes after the others were caught up with
    said = run_with(path, text % "max(n)", folder, look({"kept": [[32_000]], "sums": [[31_999]]}), failures)
    failures.check("one is computed anew", "view sums (another" in said, said)
    (archive / "b.json").unlink()
    refused = change_refused(path, text % "min(n)", folder)
    failures.check("a file that is gone", refused.returncode == 2 and "records-gone" in refused.stderr, refused.stderr)


def planned(failures, what, path, text, *target):
    """What `leat plan` says as JSON: {"view/totals": (fate, reasons)}, and the whole answer."""
    path.write_text(text)
    ended = leat_program.run("plan", path, "--json", *target)
    failures.equal(f"{what}: exit code", ended.returncode, 0)
    answer = json.loads(ended.stdout)
    return {f"{n['kind']}/{n['name']}": (n["fate"], n["reasons"]) for n in answer["nodes"]}, answer


def told_beforehand(folder, failures):
    path, data = folder / "shop.yaml", folder / "data"
    ids = '  ids: {query: "SELECT max(id) AS last FROM sales"}\n'
    changed = PIPELINE.replace("sum(amount) AS amount", "max(amount) AS amount").replace(
        "  by_customer:", ids + "  by_customers:") + \
        'dashboard:\n  - {title: Countries, stat: "SELECT countries FROM countries"}\n'
    fates = {"view/by_country": "rebuilt", "view/countries": "rebuilt", "view/by_customer": "removed",
             "view/by_customers": "new", "view/ids": "new", "stream/sales": "kept", "topic/orders": "kept",
             "panel/shop-countries": "new"}

    def look(failures_of, *target):
        nodes, answer = planned(failures, f"{failures_of}: reworded", path, REWORDED, *target)
        failures.equal(f"{failures_of}: nothing to do", ({fate for fate, _ in nodes.values()}, answer["changes"]),
                       ({"kept"}, False))
        nodes, answer = planned(failures, f"{failures_of}: changed", path, changed, *target)
        failures.equal(f"{failures_of}: fates", {node: fate for node, (fate, _) in nodes.items()}, fates)
        failures.equal(f"{failures_of}: the reason of its own", nodes["view/by_country"][1], 
                       ["another aggregates", "another groups", "another output"])
        failures.equal(f"{failures_of}: the reason below it", nodes["view/countries"][1],
                       ["view by_country is rebuilt"])
        failures.equal(f"{failures_of}: read again", answer["read_again"],
                       [{"topic": "orders", "amount": 3000, "unit": "records"}])
        failures.equal(f"{failures_of}: no hindrance", answer["needs_rebuild"], [])

    path.write_text(PIPELINE)
    with Server(path, data) as server:
        server.wait_ready()
        push(server.client, 0, 3000)
        look("while it runs", "--server", f"http://127.0.0.1:{server.port}")
        look("its directory", "--data", data)
        failures.equal("exit code", server.stop(), 0)
    look("at rest", "--data", data)
    path.write_text(PIPELINE.replace("sum(amount)", "summ(amount)"))
    failures.equal("a faulty file", leat_program.run("plan", path, "--data", data).returncode, 2)
    text = leat_program.run("plan", folder / "none.yaml", "--data", data)
    failures.equal("no file", text.returncode, 2)


def killed_while_it_is_computed(folder, failures):
    path = folder / "shop.yaml"
    count = 400_000
    run_with(path, PIPELINE, folder, lambda client: push(client, 0, count, 20_000), failures)
    path.write_text(PIPELINE.replace("max(amount) AS most", "max(amount) AS most, min(id) AS first"))
    kept = {view: rows for view, rows in wanted(count).items() if view != "by_customer"}
    first = {}
    for n in range(count):
        if order(n)["amount"] > 0:
            first.setdefault(order(n)["customer"], n)
    rows = [[*row, first[row[0]]] for row in wanted(count)["by_customer"]]
    killed = 0
    for wait in (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4):
        server = Server(path, folder / "data")
        deadline = time.monotonic() + patience(5)
        while not (folder / "data" / "catch_up").exists() and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(wait)
        killed += (folder / "data" / "catch_up").exists()
        server.kill()
    failures.check("killed in the middle", killed >= 1, killed)
    with Server(path, folder / "data") as server:
        server.wait_ready()
        compare(failures, "killed and killed", server.client, {**kept, "by_customer": rows})
        push(server.client, count, count + 1000)
        compare(failures, "and goes on", server.client, {"countries": wanted(count + 1000)["countries"]})
        server.stop()
    failures.check("nothing is left of it", not (folder / "data" / "catch_up").exists())


if __name__ == "__main__":
    leat_program.run_each(same_meaning, one_view_changes, views_come_and_go, a_stream_changes,
                          windows_are_as_they_were, files_are_read_again, told_beforehand, killed_while_it_is_computed)
