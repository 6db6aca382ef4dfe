#!/usr/bin/env python3
"""Functions of the user's own, in all SQL of a server: streams, views, panels, tests and queries that are asked of it."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import leat_program  # noqa: E402
from leat_program import Server  # noqa: E402

PIPELINE = """
pipeline: shop
macros:
  net: (gross, rate := 0.25) AS gross / (1 + rate)
  rounded: (x) AS round(net(x), 2)
  large: (least) AS TABLE SELECT shop, amount FROM sales WHERE amount >= least
topics:
  orders: {}
views:
  turnover: {query: "SELECT shop, sum(rounded(amount)) AS net FROM large(10) GROUP BY shop"}
streams:
  sales:
    from: orders
    columns: {shop: text, amount: double}
    expect: {worth: {that: "net(amount) > 1", else: drop}}
dashboard:
  - {title: Net, stat: "SELECT sum(net(net, rate := 0.0)) AS net FROM turnover"}
tests:
  - name: macros in tests
    steps:
      - given: [{stream: sales, rows: [{shop: a, amount: 50}, {shop: a, amount: 5}]}]
        expect: [{view: turnover, rows: [{shop: a, net: 40}]}]
"""


def test_everywhere(folder, failures):
    path = folder / "shop.yaml"
    path.write_text(PIPELINE)
    with Server(path, folder / "data") as server:
        server.wait_ready()
        client = server.client
        client.push("orders", [{"shop": "a", "amount": 100}, {"shop": "b", "amount": 12.5}, {"shop": "a", "amount": 5},
                               {"shop": "a", "amount": 0.5}])
        client.settle()
        failures.equal("in a view and an expectation", client.sql("SELECT * FROM turnover ORDER BY shop"),
                       [["a", 80.0], ["b", 10.0]])
        failures.equal("in a query", client.sql("SELECT net(100), rounded(x := 1) FROM turnover LIMIT 1"), [[80.0, 0.8]])
        failures.equal("as a table", client.sql("SELECT shop FROM large(least := 50) l JOIN turnover USING (shop)"), [["a"]])
        panels = client.json("GET", "/v1/dashboard")
        failures.check("in a panel", "90" in str(panels), panels)
        status, _, answer = client.request("POST", "/v1/sql", '{"query": "SELECT 1,\\n net(1, 2, 3)"}',
                                           {"Content-Type": "application/json"})
        failures.check("a wrong call is told of at its place", status == 400 and b"2 parameters" in answer and
                       b"line 2" in answer, answer)
        nested = "net(" * 40 + "1" + ", rate := 1)" * 40
        failures.equal("calls in calls", client.sql(f"SELECT {nested} > 0"), [[True]])
    tested = leat_program.run("test", path)
    failures.check("in `leat test`", tested.returncode == 0, tested.stdout + tested.stderr)


def test_copies_are_bounded(folder, failures):
    path = folder / "shop.yaml"
    path.write_text("pipeline: shop\nmacros:\n  twice: (x) AS x + x\ntopics: {t: {}}\n"
                    "streams: {s: {from: t, columns: {id: integer}}}\nviews: {v: {from: s, key: id}}\n")
    with Server(path, folder / "data") as server:
        server.wait_ready()
        bomb = "twice(" * 60 + "1" + ")" * 60
        status, _, answer = server.client.request("POST", "/v1/sql", f'{{"query": "SELECT {bomb}"}}',
                                                  {"Content-Type": "application/json"})
        failures.check("copies of copies are refused", status == 400 and b"KiB" in answer, answer)


if __name__ == "__main__":
    leat_program.run_each(test_everywhere, test_copies_are_bounded)
