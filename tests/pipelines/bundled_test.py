#!/usr/bin/env python3
"""Runs the pipelines that come with Leat as a user would; their views must be what DuckDB says."""
import datetime
import gzip
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import leat_program  # noqa: E402
from leat_program import PROJECT, Server  # noqa: E402
from patience import patience  # noqa: E402

leat_program.need_duckdb()
import duckdb  # noqa: E402

USERS_WANTED = 1500
PUSHED_READINGS = 3000
CLICK_ROWS = 20_000


def table_of(name, values):
    """A DuckDB with one table of JSON values, in their order."""
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    database.execute(f"""CREATE TABLE {name} AS
        SELECT value::JSON AS value, number FROM (SELECT unnest($values) AS value,
               generate_subscripts($values, 1) AS number)""",
                     {"values": [json.dumps(value) for value in values]})
    return database


def rows_of(database, query):
    return [list(row) for row in database.execute(query).fetchall()]


def check_identity(failures, status):
    for stream in status["streams"]:
        failures.equal(f"stream {stream['name']} adds up", stream["accepted"], stream["out"]
                       + stream["filtered"] + stream["late"] + stream["dead_letters"])


# ---- users.yaml

USER_COLUMNS = """
    SELECT number, (value->>'/login/uuid') AS id, value->>'/name/first' AS first_name,
           value->>'/name/last' AS last_name, value->>'gender' AS gender,
           concat((value->>'/location/street/number'), ' ', value->>'/location/street/name', ', ',
                  value->>'/location/city', ', ', value->>'/location/state', ', ',
                  value->>'/location/country') AS address,
           value->>'/location/postcode' AS post_code, value->>'email' AS email,
           value->>'/login/username' AS username, value->>'phone' AS phone,
           value->>'/picture/medium' AS picture,
           (value->>'/registered/date')::TIMESTAMPTZ AT TIME ZONE 'UTC' AS registered,
           trim(value->>'/location/country') AS country, (value->>'/dob/age')::INTEGER AS age,
           lower(split_part(value->>'email', '@', 2)) AS email_provider FROM raw"""
USER_VIEWS = {
    "created_users": """SELECT id, first_name, last_name, gender, address, post_code, email,
            username, strftime(registered, '%Y-%m-%dT%H:%M:%S.%gZ'), phone, picture,
            year(registered)::VARCHAR, month(registered)::VARCHAR, day(registered)::VARCHAR,
            country, age, email_provider FROM users""",
    "users_by_country": "SELECT country, count(*), avg(age) FROM users GROUP BY country",
    "users_by_gender": "SELECT gender, count(*) FROM users GROUP BY gender",
    "users_by_month": """SELECT year(registered) || '-' || lpad(month(registered)::VARCHAR, 2, '0'),
            count(*) FROM users GROUP BY 1""",
    "users_by_provider": "SELECT email_provider, count(*) FROM users GROUP BY 1",
    "user_totals": "SELECT count(*), avg(age) FROM users",
}


class Mock:
    """`leat mock random-user` as a child process."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [leat_program.program(), "mock", "random-user", "--listen", "127.0.0.1:0", *arguments],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        line = self.process.stderr.readline()
        self.url = line.split()[-1].split("?")[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate(timeout=patience(20))
        return False


def wait_for(condition, what, seconds_max=60):
    seconds_max = patience(seconds_max)
    ends = time.monotonic() + seconds_max
    while not condition():
        if time.monotonic() > ends:
            raise AssertionError(f"waited {seconds_max} s for {what}")
        time.sleep(0.1)


def users(folder, failures):
    with Mock("--seed", "leat", "--fault", "status:500@4") as mock:
        # The same users of one seed come again and again beside those of the others.
        env = {"RANDOM_USER_URL": f"{mock.url}?results=500"}
        with Server(PROJECT / "pipelines" / "users.yaml", folder / "data", env=env) as server:
            server.wait_ready()
            wait_for(lambda: server.client.status()["records_in"] >= USERS_WANTED, "users")
            mock.process.send_signal(signal.SIGTERM)  # from now on pulls fail, the rest goes on
            mock.process.wait(20)
            wait_for(lambda: server.client.status()["sources"][0]["last_error"], "a failed pull")
            server.client.push("user_events", {"gender": "male"})  # a dead letter
            first = server.client.records("user_events")[0]["value"]
            again = {**first, "gender": "other", "location": {**first["location"],
                                                               "country": "Atlantis"}}
            server.client.push("user_events", again)  # replaces a user
            status = server.client.settle()
            records = [r["value"] for r in server.client.records("user_events")]
            got = {name: server.client.sql(f"SELECT * FROM {name}") for name in USER_VIEWS}
            panels = server.client.json("GET", "/v1/dashboard")["panels"]
            failures.equal("exit code", server.stop(), 0)
    database = table_of("raw", [r for r in records if "login" in r])
    database.execute(f"""CREATE TABLE users AS SELECT * FROM ({USER_COLUMNS})
                         QUALIFY row_number() OVER (PARTITION BY id ORDER BY number DESC) = 1""")
    for name, query in USER_VIEWS.items():
        leat_program.same_rows(failures, f"users: {name}", got[name], rows_of(database, query))
    check_identity(failures, status)
    failures.equal("dead letters", status["dead_letters"], 1)
    failures.check("no panel has an error", all(panel["error"] is None for panel in panels), panels)
    failures.check("every panel has rows", all(panel["rows"] for panel in panels))


# ---- sensors.yaml

SENSOR_ROWS = """
    SELECT number, trim(value->>'sensor') AS sensor,
           (value->>'at')::TIMESTAMPTZ AT TIME ZONE 'UTC' AS happened,
           (value->>'value')::DOUBLE AS reading FROM raw
    WHERE json_type(value, '$.value') <> 'VARCHAR' AND trim(value->>'sensor') <> ''
          AND (value->>'at') IS NOT NULL"""
SENSOR_VIEWS = {
    "sensors": f"""SELECT sensor, strftime(happened, '%Y-%m-%dT%H:%M:%S.%gZ'), reading
                   FROM readings QUALIFY row_number() OVER (PARTITION BY sensor ORDER BY number DESC) = 1""",
    "sensor_totals": "SELECT sensor, count(*), avg(reading) FROM readings GROUP BY sensor",
    "readings_per_minute": """
        SELECT strftime(time_bucket(INTERVAL '1 minute', happened), '%Y-%m-%dT%H:%M:%S.%gZ'),
               sensor, count(*), avg(reading) FROM readings GROUP BY ALL""",
}


def reading(number, choose):
    at = datetime.datetime(2026, 1, 1) + datetime.timedelta(milliseconds=137 * number)
    made = {"sensor": f"s{choose.randrange(20)}", "at": at.isoformat(timespec="milliseconds") + "Z",
            "value": round(choose.gauss(20, 5), 3)}
    if number % 50 == 7:
        made[choose.choice(["sensor", "value", "at"])] = None
    if number % 71 == 3:
        made["value"] = "warm"
    if number % 97 == 5:
        made["sensor"] = "  "
    if number % 53 == 1:
        made["sensor"] = f" {made['sensor']} "
    return made


def pushes_of(readings, choose):
    """The same records in every form that a push can have: (body, headers)."""
    json_type, lines_type = "application/json", "application/x-ndjson"
    try:
        import zstandard
    except ImportError:
        zstandard = None
    while readings:
        some = [readings.pop(0) for _ in range(min(len(readings), choose.randrange(1, 60)))]
        form = choose.choice(["object", "array", "lines", "gzip", "zstd"])
        if form == "object":
            for one in some:
                yield json.dumps(one).encode(), {"Content-Type": json_type}
        elif form == "array":
            yield json.dumps(some, indent=1).encode(), {"Content-Type": json_type}
        else:
            lines = b"\n\n".join(json.dumps(one).encode() for one in some) + b"\n"
            headers = {"Content-Type": lines_type}
            if form == "gzip":
                yield gzip.compress(lines), {**headers, "Content-Encoding": "gzip"}
            elif form == "zstd" and zstandard:
                yield (zstandard.ZstdCompressor().compress(lines),
                       {**headers, "Content-Encoding": "zstd"})
            else:
                yield lines, headers


def sensors(folder, failures):
    choose = random.Random(7)
    readings = [reading(number, choose) for number in range(PUSHED_READINGS)]
    with Server(PROJECT / "pipelines" / "sensors.yaml", folder / "data") as server:
        server.wait_ready()
        for body, headers in pushes_of(list(readings), choose):
            # One key for all: they stay in one partition, in order.
            status, answer = server.client.push("readings", body, {**headers, "Leat-Key": "one"})
            if status != 200:
                raise AssertionError(f"{status} {answer}")
        status = server.client.settle()
        records = [r["value"] for r in server.client.records("readings")]
        got = {name: server.client.sql(f"SELECT * FROM {name}") for name in SENSOR_VIEWS}
        letters = server.client.records("dead_letters")
        failures.equal("exit code", server.stop(), 0)
    failures.equal("the topic has what was pushed, in order", records, readings)
    database = table_of("raw", records)
    database.execute(f"CREATE TABLE readings AS {SENSOR_ROWS} AND (value->>'value') IS NOT NULL")
    for name, query in SENSOR_VIEWS.items():
        leat_program.same_rows(failures, f"sensors: {name}", got[name], rows_of(database, query))
    check_identity(failures, status)
    good = database.execute("SELECT count(*) FROM readings").fetchone()[0]
    failures.equal("every other record is a dead letter", len(letters), PUSHED_READINGS - good)
    failures.check("some were", len(letters) > 50)
    refused = [json.dumps(r) for r in readings if not is_good_reading(r)]
    failures.check("each with the record", sorted(refused) == sorted(
        json.dumps(json.loads(letter["value"]["value"])) for letter in letters))


def is_good_reading(made):
    return (isinstance(made["value"], float) and made["sensor"] is not None
            and made["sensor"].strip() != "" and made["at"] is not None)


# ---- clicks.yaml

CLICK_VIEWS = {
    "clicks_by_page": """SELECT lower(page), count(*), count(DISTINCT visitor), avg(duration_ms)
                         FROM good GROUP BY 1""",
    "clicks_by_country": "SELECT country, count(*) FROM good GROUP BY 1",
    "clicks_per_hour": """SELECT strftime(time_bucket(INTERVAL '1 hour', clicked_at),
                                 '%Y-%m-%dT%H:%M:%S.%gZ'), lower(page), count(*)
                          FROM good GROUP BY ALL""",
}


def expected_clicks(csv):
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    database.execute(f"""CREATE TABLE good AS
        SELECT clicked_at::TIMESTAMPTZ AT TIME ZONE 'UTC' AS clicked_at, nullif(visitor, '') AS visitor,
               page, coalesce(nullif(country, ''), 'unknown') AS country,
               TRY_CAST(duration_ms AS INTEGER) AS duration_ms
        FROM read_csv('{csv}', all_varchar = true, header = true, delim = ',', quote = '"',
                      escape = '"', ignore_errors = true)
        WHERE TRY_CAST(clicked_at AS TIMESTAMPTZ) IS NOT NULL AND lower(page) LIKE '/%'
              AND page <> '/healthz' AND coalesce(TRY_CAST(duration_ms AS INTEGER), 0) >= 0
              AND (coalesce(duration_ms, '') = '' OR TRY_CAST(duration_ms AS INTEGER) IS NOT NULL)""")
    return {name: rows_of(database, query) for name, query in CLICK_VIEWS.items()}


def read_changes(path):
    """The file's weights added up (1 each where it has none)."""
    rows = {}
    for line in path.read_text().splitlines():
        change = json.loads(line)
        weight = change.pop("weight", 1)
        row = json.dumps(list(change.values()))
        rows[row] = rows.get(row, 0) + weight
    return [json.loads(row) for row, weight in rows.items() for _ in range(weight)]


def make_clicks(path, choose):
    at = datetime.datetime(2026, 1, 1)
    lines = ["clicked_at,visitor,page,country,duration_ms"]
    for _ in range(CLICK_ROWS):
        at += datetime.timedelta(seconds=choose.randrange(10))
        page = choose.choice(["/", "/Docs", "/docs", "/healthz", "nowhere", '"/a,b"', '"/x ""y"""'])
        country = choose.choice(["Norway", "Ireland", "", '"Côte d\'Ivoire"'])
        ms = choose.choice(["", str(choose.randrange(5000)), "-5"])
        lines.append(f"{at.isoformat()}.000Z,v{choose.randrange(300)},{page},{country},{ms}")
    path.write_text("\n".join(lines) + "\n")


def run_clicks(failures, what, folder, csv, *arguments):
    answer = leat_program.run(
        "run", PROJECT / "pipelines" / "clicks.yaml", "--once", "--data", folder / "data",
        "--listen", "127.0.0.1:0", *arguments, cwd=PROJECT,
        env={**os.environ, "CLICKS": str(csv), "CLICKS_OUT": str(folder / "out")})
    failures.equal(f"{what}: exit code", answer.returncode, 0)
    if answer.returncode:
        print(answer.stderr)


def check_clicks(failures, what, folder, expected):
    for name, wanted in expected.items():
        leat_program.same_rows(failures, f"{what}: {name}",
                               read_changes(folder / "out" / f"{name}.jsonl"), wanted)


def clicks(folder, failures):
    """One golden result, three passes: one worker, two workers, killed on the way."""
    bundled = PROJECT / "pipelines" / "clicks.csv"
    (folder / "bundled").mkdir()
    run_clicks(failures, "bundled", folder / "bundled", bundled)
    check_clicks(failures, "bundled", folder / "bundled", expected_clicks(bundled))
    run_clicks(failures, "bundled again", folder / "bundled", bundled)
    check_clicks(failures, "bundled again", folder / "bundled", expected_clicks(bundled))

    csv = folder / "clicks.csv"
    make_clicks(csv, random.Random(11))
    golden = expected_clicks(csv)
    for workers in (1, 2):
        part = folder / f"workers-{workers}"
        part.mkdir()
        run_clicks(failures, f"{workers} workers", part, csv, "--workers", workers)
        check_clicks(failures, f"{workers} workers", part, golden)
    part = folder / "killed"
    part.mkdir()
    killed = 0
    for turn in range(6):
        process = subprocess.Popen(
            [leat_program.program(), "run", PROJECT / "pipelines" / "clicks.yaml", "--once",
             "--data", part / "data", "--listen", "127.0.0.1:0", "--commit-interval-ms", "1",
             "--quiet"], cwd=PROJECT, stderr=subprocess.DEVNULL,
            env={**os.environ, "CLICKS": str(csv), "CLICKS_OUT": str(part / "out")})
        try:
            process.wait(0.08 + 0.06 * turn)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1
    failures.check("some passes were killed", killed > 0)
    run_clicks(failures, "killed", part, csv, "--workers", 2)
    check_clicks(failures, f"killed {killed} times", part, golden)


def sensors_restarted(folder, failures):
    """A restart in the middle, with another number of workers, changes no result."""
    choose = random.Random(8)
    readings = [reading(number, choose) for number in range(PUSHED_READINGS)]
    results = []
    for what, stops in (("one", []), ("two", []), ("restarted", [900, 2100])):
        data = folder / what
        workers = {"one": 1, "two": 2}.get(what, 3)
        server = Server(PROJECT / "pipelines" / "sensors.yaml", data,
                        arguments=["--workers", str(workers)]).wait_ready()
        try:
            for first in range(0, PUSHED_READINGS, 100):
                if first in stops:
                    server.stop() if first == stops[0] else server.kill()
                    server = Server(PROJECT / "pipelines" / "sensors.yaml", data,
                                    arguments=["--workers", str(len(stops))]).wait_ready()
                status, _ = server.client.push("readings", readings[first:first + 100],
                                               {"Leat-Key": f"k{first % 300}"})
                failures.equal("pushed", status, 200)
            server.client.settle()
            # Which of two partitions' rows came last is up to chance: `sensors` is left out.
            results.append([server.client.sql(f"SELECT * FROM {name}")
                            for name in ("sensor_totals", "readings_per_minute")])
        finally:
            server.kill()
    for name, result in (("two workers", results[1]), ("a restart and a kill", results[2])):
        for got, wanted in zip(result, results[0]):
            leat_program.same_rows(failures, f"{name}: as with one worker", got, wanted)


TESTS = [users, sensors, sensors_restarted, clicks]


def main():
    failures = leat_program.Failures()
    for test in TESTS:
        if len(sys.argv) > 1 and test.__name__ not in sys.argv[1:]:
            continue
        with leat_program.scratch_folder() as folder:
            try:
                test(folder, failures)
            except (AssertionError, subprocess.TimeoutExpired) as fault:
                failures.check(test.__name__, False, fault)
        print(f"{test.__name__}: done", flush=True)
    failures.end()


if __name__ == "__main__":
    main()
