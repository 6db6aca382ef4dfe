#!/usr/bin/env python3
"""The stack's pipelines between its real systems: every row that the API gave is in each of them, as it should be.

What must be there is computed here from the users that the API gave, by the rules that the stack's own DAG and Spark
application follow: all columns of `created_users` are text, the country is what follows the last comma of the address,
year, month and day are those of the registration, without leading zeros.
"""
import collections
import concurrent.futures
import contextlib
import json
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import leat_program  # noqa: E402
from patience import patience  # noqa: E402

leat_program.need_packages("pyarrow")
import pyarrow.dataset  # noqa: E402
import pyarrow.fs  # noqa: E402
from servers.cassandra import Cassandra  # noqa: E402
from servers.kafka import Kafka  # noqa: E402
from servers.mongodb import MongoDb  # noqa: E402
from servers.postgresql import PostgreSql  # noqa: E402
from servers.process import wait_until  # noqa: E402
from servers.s3 import BUCKET, Versitygw  # noqa: E402
from servers.server import PASSWORD, USER  # noqa: E402

PIPELINES = leat_program.PROJECT / "pipelines" / "stack"
FILES = ["api-to-kafka", "kafka-to-cassandra", "api-to-postgresql", "postgresql-to-kafka", "kafka-to-mongodb",
         "kafka-to-parquet"]
LOAD_SECONDS = 6
ARRIVE_SECONDS_MAX = 90
FLAT = ["id", "first_name", "last_name", "gender", "address", "post_code", "email", "username", "dob", "registered_date",
        "phone", "picture"]
CREATED = ["id", "first_name", "last_name", "gender", "address", "post_code", "email", "username", "registered_date",
           "phone", "picture", "year", "month", "day", "country"]


# ---- The rules

def flat(user):
    """A message of users_created."""
    place = user["location"]
    address = (f"{place['street']['number']} {place['street']['name']}, {place['city']}, {place['state']}, "
               f"{place['country']}")
    return {"id": user["login"]["uuid"], "first_name": user["name"]["first"], "last_name": user["name"]["last"],
            "gender": user["gender"], "address": address, "post_code": str(place["postcode"]), "email": user["email"],
            "username": user["login"]["username"], "dob": user["dob"]["date"],
            "registered_date": user["registered"]["date"], "phone": user["phone"], "picture": user["picture"]["medium"]}


def created(message):
    """A row of created_users."""
    date = message["registered_date"].split("T")[0].split("-")
    return {**{name: message[name] for name in CREATED[:11]}, "year": date[0], "month": str(int(date[1])),
            "day": str(int(date[2])), "country": message["address"].split(",")[-1].strip()}


def counts(rows, value):
    return sorted(map(list, collections.Counter(map(value, rows)).items()))


# ---- The systems

class Systems:
    """All five, without a relay in front of them."""

    def __init__(self, stack):
        kinds = {"kafka": Kafka, "postgresql": PostgreSql, "mongodb": MongoDb, "cassandra": Cassandra,
                 "s3": Versitygw}
        for name, kind in kinds.items():
            setattr(self, name, kind(relay=False))
        with concurrent.futures.ThreadPoolExecutor(len(kinds)) as pool:
            started = [pool.submit(stack.enter_context, getattr(self, name)) for name in kinds]
            for one in started:
                one.result()

    def environment(self):
        found = {}
        for server in (self.kafka, self.postgresql, self.mongodb, self.cassandra, self.s3):
            found |= server.environment()
        return found

    def messages(self, topic):
        said = subprocess.run(["kcat", "-b", self.kafka.address(), "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-J"],
                              capture_output=True, text=True, timeout=patience(60), check=True).stdout
        return [json.loads(line) for line in said.splitlines()]

    def values(self, topic):
        return [json.loads(message["payload"]) for message in self.messages(topic)]

    def table(self, columns):
        with self.postgresql.client() as client:
            client.query("SET TIME ZONE 'UTC'")
            return [dict(zip(columns, row)) for row in client.query(f"SELECT {', '.join(columns)} FROM users")]

    def documents(self, collection):
        with self.mongodb.client() as client:
            cursor = client.command("streaming", find=collection, batchSize=1 << 20)["cursor"]
            found = cursor["firstBatch"]
            while cursor["id"]:
                cursor = client.command("streaming", getMore=cursor["id"], collection=collection)["cursor"]
                found += cursor["nextBatch"]
        return found

    def parquet(self):
        """By Arrow's own S3 client and its own reading of Parquet."""
        store = pyarrow.fs.S3FileSystem(access_key=USER, secret_key=PASSWORD, scheme="http", region="us-east-1",
                                        endpoint_override=self.s3.address().removeprefix("http://"))
        return pyarrow.dataset.dataset(f"{BUCKET}/users", filesystem=store, partitioning="hive").to_table().to_pylist()

    def cassandra_rows(self, table, columns):
        with self.cassandra.client() as client:
            return client.query(f"SELECT {', '.join(columns)} FROM spark_streams.{table}")

    def cassandra_counts(self, table, column):
        rows = self.cassandra_rows(table, [column, "users"])
        return sorted([key.decode(), struct.unpack(">q", users)[0]] for key, users in rows)


@contextlib.contextmanager
def api(port):
    """The look-alike of the API, the same users in the same order at each run of the test."""
    mock = subprocess.Popen([leat_program.program(), "mock", "random-user", "--listen", f"127.0.0.1:{port}", "--seed", "stack"],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        mock.send_signal(signal.SIGTERM)
        mock.wait(30)


# ---- The comparisons

def without(document, *names):
    return {name: value for name, value in document.items() if name not in names}


def compare_topics(failures, systems, given, staged):
    leat_program.same_rows(failures, "Kafka, user_events: what the API gave", map(json.dumps, systems.values("user_events")),
                           map(json.dumps, given))
    wanted = [flat(user) for user in given + staged]
    leat_program.same_rows(failures, "Kafka, users_created: the flat users, those of the stage too",
                           [[row[name] for name in FLAT] for row in systems.values("users_created")],
                           [[row[name] for name in FLAT] for row in wanted])
    odd = [message for message in systems.messages("users_created")
           if message["key"] != json.loads(message["payload"])["id"] or list(json.loads(message["payload"])) != FLAT]
    failures.check("Kafka, users_created: the key is the id, and there are no other fields", not odd, odd[:2])


def compare_tables(failures, systems, given, staged):
    columns = [name for name in FLAT if name not in ("dob", "registered_date")]
    leat_program.same_rows(failures, "PostgreSQL, users", [[row[name] for name in columns] for row in systems.table(columns)],
                           [[flat(user)[name] for name in columns] for user in staged])
    rows = [created(flat(user)) for user in given + staged]
    leat_program.same_rows(
        failures, "Cassandra, created_users: row for row what the stack's application writes",
        [[value.decode() for value in row] for row in systems.cassandra_rows("created_users", CREATED)],
        [[row[name] for name in CREATED] for row in rows])
    for table, column, value in (
            ("users_by_country", "country", lambda row: row["country"]),
            ("users_by_gender", "gender", lambda row: row["gender"]),
            ("users_by_month", "month", lambda row: f"{row['year']}-{int(row['month']):02}"),
            ("users_by_provider", "provider", lambda row: row["email"].split("@")[1].lower())):
        failures.equal(f"Cassandra, {table}", systems.cassandra_counts(table, column), counts(rows, value))


def compare_documents(failures, systems, given):
    documents = systems.documents("user_events")
    leat_program.same_rows(failures, "MongoDB, user_events: the documents as they came",
                           [json.dumps(without(document, "_id"), sort_keys=True) for document in documents],
                           [json.dumps(user, sort_keys=True) for user in given])
    failures.equal("Cassandra, users_by_nationality", systems.cassandra_counts("users_by_nationality", "nat"),
                   counts(given, lambda user: user["nat"]))
    ages = collections.defaultdict(list)
    for user in given:
        ages[user["nat"]].append(user["dob"]["age"])
    averages = {row[0].decode(): struct.unpack(">d", row[1])[0]
                for row in systems.cassandra_rows("users_by_nationality", ["nat", "average_age"])}
    wrong = [nat for nat, list_ in ages.items() if abs(averages[nat] - sum(list_) / len(list_)) > 1e-9]
    failures.check("Cassandra, the average ages", not wrong, wrong)


def compare_files(failures, systems, client, given, staged):
    columns = [name for name in FLAT if name not in ("dob", "registered_date")]

    def row(user):
        message = flat(user)
        date = message["registered_date"]
        return [*(message[name] for name in columns), date[:19], int(date[:4]), int(date[5:7])]
    wanted = [row(user) for user in given + staged]
    found = [[*(stored[name] for name in columns), stored["registered_date"].isoformat()[:19], stored["year"], stored["month"]]
             for stored in systems.parquet()]
    leat_program.same_rows(failures, "Parquet on S3, by Arrow", found, wanted)
    years = sorted(map(list, collections.Counter(one[-2] for one in wanted).items()))
    failures.equal("Parquet on S3, in SQL beside the views",
                   client.sql("SELECT year, count(*) FROM users_on_s3 GROUP BY year ORDER BY year"), years)


def arrived(systems, client):
    """All has come where it goes to, by the counts alone."""
    given, staged = (len(client.records(topic)) for topic in ("api_users", "staged_users"))
    status = client.status()
    waiting = [sink["name"] for sink in status["sinks"] if sink["lag"] or sink["last_error"]]
    return (not waiting and len(systems.messages("user_events")) == given and
            len(systems.messages("users_created")) == given + staged and
            len(systems.cassandra_rows("created_users", ["id"])) == given + staged and
            len(systems.documents("user_events")) == given)


def run(folder, failures, stack):
    systems = Systems(stack)
    port = leat_program.free_port()
    environment = {**systems.environment(), "RANDOM_USER_URL": f"http://127.0.0.1:{port}/api/?results=100"}
    files = [str(PIPELINES / f"{name}.yaml") for name in FILES]
    failures.equal("there is no other pipeline of the stack", sorted(FILES),
                   sorted(path.stem for path in PIPELINES.glob("*.yaml")))
    with leat_program.Server(files[0], folder / "data", arguments=files[1:], env=environment) as server:
        with api(port):
            server.wait_ready()
            time.sleep(LOAD_SECONDS)
        wait_until(lambda: arrived(systems, server.client), ARRIVE_SECONDS_MAX, "every row to arrive", every=0.5)
        given = [record["value"] for record in server.client.records("api_users")]
        staged = [record["value"] for record in server.client.records("staged_users")]
        failures.check("the API gave users to both", len(given) >= 200 and len(staged) >= 200, (len(given), len(staged)))
        compare_topics(failures, systems, given, staged)
        compare_tables(failures, systems, given, staged)
        compare_documents(failures, systems, given)
        compare_files(failures, systems, server.client, given, staged)
        failures.check("nothing is among the dead letters", not server.client.records("dead_letters"),
                       server.client.records("dead_letters")[:2])
        metrics = server.client.request("GET", "/metrics")[2].decode()
        failures.check("/metrics tells what the replication slot holds back", "leat_source_held_back_bytes{" in metrics)
        failures.equal("exit code", server.stop(), 0)


def main():
    if not shutil.which("kcat"):
        leat_program.skip("there is no kcat to read topics with; run: scripts/setup test")
    failures = leat_program.Failures()
    with leat_program.scratch_folder() as folder:
        try:
            with leat_program.needing_servers(), contextlib.ExitStack() as stack:
                run(folder, failures, stack)
        except (AssertionError, OSError, KeyError, ValueError, subprocess.SubprocessError) as fault:
            failures.check("run", False, repr(fault))
        failures.end()


if __name__ == "__main__":
    main()
