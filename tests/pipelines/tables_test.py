#!/usr/bin/env python3
"""Tables of files: read again as they change, under load, through kills, and as long as a file is none."""
import json
import os
import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import leat_program  # noqa: E402
from leat_program import Server  # noqa: E402
from patience import patience  # noqa: E402

PIPELINE = """
pipeline: shop
topics:
  orders: {{partitions: 2}}
tables:
  cities: {{file: {{path: {folder}/cities.csv, reload: 50ms, max_rows: 1000}}{columns}}}
streams:
  sales: {{from: orders, columns: {{id: integer, city: text}}}}
  named: {{from: sales, select: "SELECT s.id, c.name FROM sales s LEFT JOIN cities c ON c.code = s.city"}}
views:
  by_city:
    query: |
      SELECT c.code, max(c.name) AS name, count(s.id) AS sales
      FROM cities c LEFT JOIN sales s ON s.city = c.code GROUP BY c.code
  names: {{query: "SELECT name, count(*) AS sales FROM named GROUP BY name"}}
  largest: {{query: "SELECT max(people) AS people, count(*) AS cities FROM cities"}}
"""
COLUMNS = ", columns: {code: text, name: text, people: integer}"


def write(folder, text, name="cities.csv"):
    """A new version in the place of the old one, as a whole."""
    beside = folder / (name + ".new")
    beside.write_text(text)
    os.rename(beside, folder / name)


def csv(rows):
    return "code,name,people\n" + "".join(f"{code},{name},{people}\n" for code, name, people in rows)


def wait_for(what, seconds=20):
    ends = time.monotonic() + patience(seconds)
    while time.monotonic() < ends:
        if what():
            return True
        time.sleep(0.02)
    return False


def pipeline(folder, columns=COLUMNS):
    path = folder / "shop.yaml"
    path.write_text(PIPELINE.format(folder=folder, columns=columns))
    return path


def state_of(server):
    return server.client.status()["tables"][0]


def test_columns_are_found_and_reloaded(folder, failures):
    write(folder, csv([("B", "Berlin", 3700), ("K", "Kiel", 250)]))
    with Server(pipeline(folder, ""), folder / "data") as server:
        server.wait_ready()
        client = server.client
        client.push("orders", [{"id": 1, "city": "B"}, {"id": 2, "city": "X"}])
        client.settle()
        failures.equal("a view joins the table", client.sql("SELECT * FROM by_city ORDER BY code"),
                       [["B", "Berlin", 1], ["K", "Kiel", 0]])
        failures.equal("a stream does", client.sql("SELECT * FROM names ORDER BY name"),
                       [["Berlin", 1], [None, 1]])
        failures.equal("SQL reads it", client.sql("SELECT code, people FROM cities ORDER BY code"),
                       [["B", 3700], ["K", 250]])
        epoch = client.settle()["epoch"]
        write(folder, csv([("B", "Berolina", 3800), ("X", "Xanten", 20)]))
        wanted = [["B", "Berolina", 1], ["X", "Xanten", 1]]
        failures.check("the new rows come", wait_for(
            lambda: client.sql("SELECT * FROM by_city ORDER BY code") == wanted))
        failures.equal("in one epoch", client.settle()["epoch"], epoch + 1)
        client.push("orders", [{"id": 3, "city": "X"}, {"id": 4, "city": "K"}])
        client.settle()
        failures.equal("what was joined stays", client.sql("SELECT * FROM names ORDER BY name"),
                       [["Berlin", 1], ["Xanten", 1], [None, 2]])
        failures.equal("groups of it", client.sql("SELECT * FROM largest"), [[3800, 2]])


def test_a_file_that_is_none_keeps_the_rows(folder, failures):
    good = csv([("B", "Berlin", 3700)])
    write(folder, good)
    with Server(pipeline(folder), folder / "data") as server:
        server.wait_ready()
        client = server.client
        faults = {
            "a row too short": ("code,name,people\nB,Berlin,1\nK,Ki", "line 3"),
            "a value of another type": ("code,name,people\nB,Berlin,many\n", "Line: 2"),
            "a column that is gone": ("code,people\nB,1\n", "name"),
            "nothing": ("", "empty"),
            "too many rows": (csv((f"c{n}", "x", n) for n in range(1001)), "max_rows"),
        }
        for what, (text, part) in faults.items():
            write(folder, text)
            failures.check(f"{what} is told of", wait_for(
                lambda: part in (state_of(server)["last_error"] or "")), state_of(server))
            failures.equal(f"{what}: the rows stay", client.sql("SELECT name FROM cities"), [["Berlin"]])
            failures.check(f"{what}: the file is named", "cities.csv" in state_of(server)["last_error"])
        (folder / "cities.csv").unlink()
        failures.check("a missing file is told of", wait_for(
            lambda: "no such file" in (state_of(server)["last_error"] or "")))
        client.push("orders", [{"id": 1, "city": "B"}])
        client.settle()
        failures.equal("and does not stand in the way", client.sql("SELECT * FROM names"), [["Berlin", 1]])
        write(folder, csv([("B", "Bonn", 300)]))
        failures.check("a mended one is taken", wait_for(
            lambda: client.sql("SELECT name FROM cities") == [["Bonn"]]))
        failures.equal("and the fault is over", state_of(server)["last_error"], None)


def test_records_wait_for_the_first_file(folder, failures):
    with Server(pipeline(folder), folder / "data") as server:
        server.wait_ready()
        client = server.client
        client.push("orders", [{"id": 1, "city": "B"}])
        time.sleep(0.5)
        failures.equal("nothing is taken in", client.sql("SELECT * FROM names"), [])
        failures.equal("the table says so", state_of(server)["state"], "retrying")
        write(folder, csv([("B", "Berlin", 1)]))
        failures.check("then the record meets its city", wait_for(
            lambda: client.sql("SELECT * FROM names") == [["Berlin", 1]]))
    checked = leat_program.run("check", pipeline(folder, ""))
    failures.equal("a file that is there is checked", checked.returncode, 0)
    (folder / "cities.csv").unlink()
    checked = leat_program.run("check", pipeline(folder, ""))
    failures.check("a missing one without columns is an error",
                   checked.returncode == 2 and "table-missing" in checked.stderr, checked.stderr)
    checked = leat_program.run("check", pipeline(folder))
    failures.check("with columns a warning",
                   checked.returncode == 0 and "warning[table-missing]" in checked.stderr, checked.stderr)
    once = leat_program.run("run", pipeline(folder), "--data", folder / "other", "--once", "--listen", "127.0.0.1:0")
    failures.check("and an error with --once", once.returncode == 2 and "no such file" in once.stderr,
                   f"{once.returncode} {once.stderr}")


def test_what_changed_while_down(folder, failures):
    write(folder, csv([("B", "Berlin", 1), ("K", "Kiel", 2)]))
    path = pipeline(folder)
    with Server(path, folder / "data") as server:
        server.wait_ready()
        server.client.push("orders", [{"id": 1, "city": "B"}, {"id": 2, "city": "K"}, {"id": 3, "city": "B"}])
        server.client.settle()
        server.kill()
    write(folder, csv([("B", "Bremen", 1), ("X", "Xanten", 7)]))
    with Server(path, folder / "data") as server:
        server.wait_ready()
        client = server.client
        failures.equal("the view has the difference", client.sql("SELECT * FROM by_city ORDER BY code"),
                       [["B", "Bremen", 2], ["X", "Xanten", 0]])
        failures.equal("the stream has not", client.sql("SELECT * FROM names ORDER BY name"),
                       [["Berlin", 2], ["Kiel", 1]])
        client.settle()
        # A new view meets the rows that the others have met, and the change since then once.
        text = path.read_text()
        server.kill()
    write(folder, csv([("B", "Bonn", 5), ("X", "Xanten", 7)]))
    path.write_text(text + '  again: {query: "SELECT c.name, count(s.id) AS sales FROM cities c '
                    'LEFT JOIN sales s ON s.city = c.code GROUP BY c.name"}\n')
    with Server(path, folder / "data") as server:
        server.wait_ready()
        client = server.client
        failures.equal("a view that is new", client.sql("SELECT * FROM again ORDER BY name"),
                       [["Bonn", 2], ["Xanten", 0]])
        failures.equal("and the others", client.sql("SELECT * FROM by_city ORDER BY code"),
                       [["B", "Bonn", 2], ["X", "Xanten", 0]])
        failures.equal("the table is there once", client.sql("SELECT count(*) FROM cities"), [[2]])


def test_reload_under_load_and_kills(folder, failures):
    """The table changes all the time, records come all the time, the server is killed again and again."""
    chance = random.Random(4)
    codes = [f"c{n}" for n in range(40)]
    version = 0

    def next_version():
        nonlocal version
        version += 1
        rows = [(c, f"{c} v{version}", version) for c in codes if chance.random() < 0.7]
        write(folder, csv(rows))
        return rows

    rows = next_version()
    path = pipeline(folder)
    sent = 0
    port = leat_program.free_port()
    for _ in range(6):
        with Server(path, folder / "data", port=port) as server:
            server.wait_ready()
            stop = threading.Event()

            def push():
                nonlocal sent
                client = leat_program.Client(port)
                while not stop.is_set():
                    batch = [{"id": n, "city": codes[n % len(codes)]} for n in range(sent, sent + 200)]
                    key = {"Idempotency-Key": f"b{sent}"}
                    try:
                        status, _ = client.push("orders", batch, headers=key)
                    except (OSError, leat_program.http.client.HTTPException, ValueError):
                        return
                    if status == 200:
                        sent += 200

            pusher = threading.Thread(target=push)
            pusher.start()
            ends = time.monotonic() + 1 + chance.random()
            while time.monotonic() < ends:
                rows = next_version()
                # One epoch's rows, from one version of the file, in the table and in what is made of it.
                seen = server.client.sql(
                    "SELECT max(people), min(people), (SELECT people FROM largest), count(*), "
                    "(SELECT count(*) FROM by_city), (SELECT cities FROM largest) FROM cities")[0]
                failures.check("one version at a time",
                               seen[0] == seen[1] == seen[2] and seen[3] == seen[4] == seen[5], seen)
                time.sleep(0.1)
            server.kill()
            stop.set()
            pusher.join()
        if chance.random() < 0.5:
            rows = next_version()
    with Server(path, folder / "data", port=port) as server:
        server.wait_ready()
        client = server.client
        # Of a batch whose answer was lost it is not known; sent again it counts once.
        client.push("orders", [{"id": n, "city": codes[n % len(codes)]} for n in range(sent, sent + 200)],
                    headers={"Idempotency-Key": f"b{sent}"})
        sent += 200
        client.settle()
        each = sent // len(codes)
        leat_program.same_rows(failures, "the view is of the last version",
                               client.sql("SELECT * FROM by_city"), [[c, name, each] for c, name, _ in rows])
        failures.equal("the stream has joined each record once",
                       client.sql("SELECT sum(sales)::BIGINT FROM names"), [[sent]])
        failures.check("much has come", sent > 1000, sent)
        print(f"{sent} records, {version} versions of the table", flush=True)


TESTS = """
tests:
  - name: places
    steps:
      - given:
          - {table: cities, rows: [{code: B, name: Berlin, people: 1}]}
          - {stream: sales, rows: [{id: 1, city: B}, {id: 2, city: K}]}
        expect:
          - {view: by_city, rows: [{code: B, name: Berlin, sales: 1}]}
          - {view: names, rows: [{name: Berlin, sales: 1}, {name: null, sales: 1}]}
      - given:
          - {table: cities, rows: [{code: K, name: Kiel, people: 2}]}
        expect:
          - {view: by_city, rows: [{code: B, sales: 1}, {code: K, name: Kiel, sales: 1}]}
          - {view: largest, rows: [{people: 2, cities: 2}]}
"""


def test_rows_that_a_test_gives(folder, failures):
    path = pipeline(folder)
    write(folder, csv([("X", "is not read by tests", 1)]))
    path.write_text(path.read_text() + TESTS)
    ran = leat_program.run("test", path)
    failures.check("rows of tables in `leat test`", ran.returncode == 0, ran.stdout + ran.stderr)


def test_other_formats(folder, failures):
    (folder / "cities.jsonl").write_text(
        json.dumps({"code": "B", "name": "Berlin", "people": 1, "more": {"x": [1]}}) + "\n" +
        json.dumps({"code": "K", "name": None}) + "\n")
    text = PIPELINE.format(folder=folder, columns=COLUMNS)
    path = folder / "shop.yaml"
    path.write_text(text.replace("cities.csv", "cities.jsonl"))
    wanted = [["B", "Berlin", 1], ["K", None, None]]
    with Server(path, folder / "data") as server:
        server.wait_ready()
        failures.equal("JSON lines", server.client.sql("SELECT * FROM cities ORDER BY code"), wanted)
    import duckdb
    duckdb.sql(f"COPY (FROM (VALUES ('B', 'Berlin', 1::SMALLINT), ('K', NULL, NULL)) t (code, name, people)) "
               f"TO '{folder}/cities.parquet'")
    path.write_text(text.replace("cities.csv", "cities.parquet"))
    with Server(path, folder / "other") as server:
        server.wait_ready()
        failures.equal("Parquet", server.client.sql("SELECT * FROM cities ORDER BY code"), wanted)


if __name__ == "__main__":
    leat_program.need_duckdb()
    leat_program.run_each(test_columns_are_found_and_reloaded, test_a_file_that_is_none_keeps_the_rows,
                          test_records_wait_for_the_first_file, test_what_changed_while_down,
                          test_reload_under_load_and_kills, test_rows_that_a_test_gives, test_other_formats)
