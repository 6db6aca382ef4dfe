#!/usr/bin/env python3
"""Views of several steps in tables of PostgreSQL, by keys that the query says and by one that the file names; through kill -9.

usage: keyed_views_test.py [--seed S]
"""
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import leat_program  # noqa: E402
from leat_program import Server  # noqa: E402
from patience import patience  # noqa: E402
from servers.postgresql import PostgreSql  # noqa: E402

ROUNDS = 6
CUSTOMERS = 40
ORDERS_A_ROUND = 300
ARRIVE_SECONDS_MAX = patience(60)
PIPELINE = """
pipeline: shop
topics:
  orders: {partitions: 2}
  people: {}
streams:
  sale:
    from: orders
    columns: {id: bigint, customer: bigint, item: text, amount: bigint}
  person_change: {from: people, columns: {id: bigint, name: text, mail: text}}
views:
  person: {from: person_change, key: id}
  spent: {query: "SELECT customer, count(*) AS sales, sum(amount)::BIGINT AS amount FROM sale GROUP BY customer"}
  customers:
    query: SELECT s.customer, p.name, s.sales, s.amount FROM spent s LEFT JOIN person p ON s.customer = p.id
  by_mail:
    query: SELECT p.mail, s.amount FROM spent s JOIN person p ON s.customer = p.id
    key: mail
  best:
    query: |
      SELECT item, place, customer, amount FROM (SELECT item, customer, sum(amount)::BIGINT AS amount,
        row_number() OVER (PARTITION BY item ORDER BY sum(amount) DESC, customer) AS place
      FROM sale GROUP BY item, customer) WHERE place <= 3
sinks:
"""
TABLES = {"customers": "customer, name, sales, amount", "by_mail": "mail, amount", "best": "item, place, customer, amount"}


def texts(rows):
    return [[None if value is None else str(value) for value in row] for row in rows]


def compare(failures, what, server, database):
    """Waits until each table is what its view is."""
    server.client.settle()
    for name, columns in TABLES.items():
        wanted = texts(server.client.sql(f"SELECT {columns} FROM {name}"))
        ends = time.monotonic() + ARRIVE_SECONDS_MAX
        while True:
            with database.client() as client:
                got = client.query(f"SELECT {columns} FROM {name}")
            if sorted(map(str, got)) == sorted(map(str, wanted)) or time.monotonic() > ends:
                break
            time.sleep(0.1)
        failures.check(f"{what}: {name} has rows", len(wanted) > 0)
        leat_program.same_rows(failures, f"{what}: {name}", got, wanted)


def push(client, seeded, numbers):
    people = [{"id": seeded.randrange(CUSTOMERS), "name": f"n{seeded.randrange(1000)}"} for _ in range(20)]
    for person in people:
        person["mail"] = f"{person['id']}@example.com"
    sales = [{"id": number, "customer": seeded.randrange(CUSTOMERS), "item": seeded.choice(["pen", "ink", "map"]),
              "amount": seeded.randrange(-50, 100)} for number in numbers]
    for topic, rows in (("people", people), ("orders", sales)):
        status, answer = client.push(topic, rows)
        assert status == 200, answer


def keyed_tables(failures, database, folder, seed):
    seeded = random.Random(seed)
    sinks = "".join(f"  to_{name}: {{from: {name}, postgresql: {{uri: '{database.address()}', table: {name}}}}}\n"
                    for name in TABLES)
    path = folder / "shop.yaml"
    path.write_text(PIPELINE + sinks)
    for number in range(ROUNDS):
        with Server(path, folder / "data") as server:
            server.wait_ready()
            for part in range(3):
                first = (number * 3 + part) * ORDERS_A_ROUND
                push(server.client, seeded, range(first, first + ORDERS_A_ROUND))
            if number % 2 == 0:
                time.sleep(seeded.random() * 0.3)
                server.kill()
                continue
            compare(failures, f"round {number + 1}", server, database)
    with database.client() as client:
        keys = client.query("SELECT table_name, string_agg(column_name, ',' ORDER BY ordinal_position) FROM "
                            "information_schema.key_column_usage GROUP BY table_name ORDER BY 1")
    failures.equal("primary keys", [key for key in keys if key[0] in TABLES],
                   [["best", "item,place"], ["by_mail", "mail"], ["customers", "customer"]])


def broken_key(failures, database, folder):
    """Two customers with one mail address: the pipeline stops, says why, and the table stays as it was."""
    with Server(folder / "shop.yaml", folder / "data") as server:
        server.wait_ready()
        server.client.settle()
        with database.client() as client:
            before = client.query("SELECT mail, amount FROM by_mail ORDER BY 1")
        server.client.push("people", [{"id": 1, "name": "a", "mail": "both@example.com"},
                                      {"id": 2, "name": "b", "mail": "both@example.com"}])
        ends = time.monotonic() + ARRIVE_SECONDS_MAX
        while time.monotonic() < ends and "has two rows or more with the key mail = both@example.com" not in server.output():
            time.sleep(0.1)
        failures.check("the key is named", "view `by_mail` has two rows or more with the key mail = both@example.com"
                       in server.output(), server.output()[-500:])
        with database.client() as client:
            failures.equal("the table stays", client.query("SELECT mail, amount FROM by_mail ORDER BY 1"), before)


def main():
    leat_program.program()
    seed = int(sys.argv[2]) if sys.argv[1:2] == ["--seed"] else 1
    failures = leat_program.Failures()
    with leat_program.needing_servers():
        database = PostgreSql(auth=True, relay=False)
        PostgreSql.fetch()
    with leat_program.scratch_folder() as folder:
        with database:
            keyed_tables(failures, database, folder, seed)
            broken_key(failures, database, folder)
        failures.end()


if __name__ == "__main__":
    main()
