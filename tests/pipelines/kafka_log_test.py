#!/usr/bin/env python3
"""A pipeline whose topics are on a Kafka cluster: pushed, pulled, refused, seen by others, through an outage, at rest."""
import http.server
import json
import pathlib
import shutil
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import leat_program  # noqa: E402
from patience import patience  # noqa: E402
from servers.kafka import Kafka  # noqa: E402
from servers.process import wait_until  # noqa: E402

WAIT_SECONDS_MAX = 60
PULLS = 5
PIPELINE = """
pipeline: orders
%(log)s
topics:
  orders: {partitions: 2}
sources:
  pulled: {http: {url: "%(url)s", every: 50ms, records: /items}}
streams:
  clean:
    from: orders
    columns:
      id: {type: integer, required: true}
      amount: {type: integer, required: true}
      customer: {type: text, field: $$key}
  pulled_rows: {from: pulled, columns: {id: integer}}
views:
  totals: {query: "SELECT count(*) AS orders, sum(amount) AS amount, count(DISTINCT id) AS ids FROM clean"}
  pulled_totals: {query: "SELECT count(*) AS items, count(DISTINCT id) AS ids FROM pulled_rows"}
"""


class Api(threading.Thread):
    """Gives two new items at each of the first pulls, and none later."""

    def __init__(self):
        super().__init__(daemon=True)
        self.given = 0
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                items = [{"id": api.given + i} for i in range(2)] if api.given < 2 * PULLS else []
                api.given += len(items)
                body = json.dumps({"items": items}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def run(self):
        self.server.serve_forever()


class Pipeline:
    def __init__(self, folder, kafka, api):
        self.folder, self.kafka = folder, kafka
        self.file = folder / "orders.yaml"
        self.data = folder / "data"
        self.text = PIPELINE % {"url": api.url, "log": "%s"}
        self.write(f'log: {{kafka: {{brokers: ["{kafka.address()}"], topic_prefix: shop., timeout: 3s, '
                   'connect_timeout: 5s}}')

    def write(self, log):
        self.file.write_text(self.text % log)

    def server(self):
        return leat_program.Server(self.file, self.data)

    def kcat(self, *arguments, text=None):
        address = self.kafka.describe()["unsecured_addresses"][0]
        return subprocess.run(["kcat", "-b", address, "-q", *arguments], input=text, capture_output=True, text=True,
                              timeout=patience(30), check=True).stdout

    def messages(self, topic):
        said = self.kcat("-C", "-t", f"shop.{topic}", "-o", "beginning", "-e", "-J")
        return [json.loads(line) for line in said.splitlines()]


def totals(client):
    return client.sql("SELECT orders, amount, ids FROM totals")[0]


def order(number):
    return {"id": number, "amount": 10}


def eventually(failures, what, look, wanted):
    try:
        wait_until(lambda: look() == wanted, WAIT_SECONDS_MAX, what)
    except (OSError, TimeoutError):
        pass
    failures.equal(what, look(), wanted)


def check_way(failures, pipeline):
    """Pushed and pulled records, and what is refused, on the cluster as others see it."""
    with pipeline.server() as server:
        client = server.wait_ready().client
        for number in range(10):
            status, answer = client.push("orders", order(number), {"Idempotency-Key": f"k{number}", "Leat-Key": f"c{number % 3}"})
            failures.equal("a push is taken", (status, answer["duplicate"]), (200, False))
        again = client.push("orders", order(3), {"Idempotency-Key": "k3", "Leat-Key": "c0"})
        failures.equal("a push that is repeated counts once", (again[0], again[1]["duplicate"]), (200, True))
        client.push("orders", [{"id": "x", "amount": 1}, order(10)])
        eventually(failures, "what was pushed is counted", lambda: totals(client), [11, 110, 11])
        pipeline.kcat("-P", "-t", "shop.orders", "-p", "1", text=json.dumps(order(11)) + "\n")
        eventually(failures, "what another program wrote is input", lambda: totals(client), [12, 120, 12])
        eventually(failures, "what was pulled is counted", lambda: client.sql("SELECT items, ids FROM pulled_totals")[0],
                   [2 * PULLS, 2 * PULLS])
        eventually(failures, "the dead letter is on the cluster", lambda: [
            json.loads(message["payload"])["stage"] for message in pipeline.messages("dead_letters")], ["decode"])
        failures.equal("others see each record once", sorted(
            json.loads(message["payload"])["id"] for message in pipeline.messages("orders")
            if json.loads(message["payload"])["id"] != "x"), list(range(12)))
        failures.equal("keys are kept", {message["key"] for message in pipeline.messages("orders")}, {"c0", "c1", "c2", None})
        check_commands(failures, pipeline, ["--server", f"http://127.0.0.1:{server.port}"])
        failures.equal("dead letters counted", client.status()["dead_letters"], 1)
        failures.equal("it stops well", server.stop(), 0)
    with pipeline.server() as server:
        client = server.wait_ready().client
        failures.equal("a restart counts nothing twice", totals(client), [12, 120, 12])
        again = client.push("orders", order(3), {"Idempotency-Key": "k3", "Leat-Key": "c0"})
        failures.equal("a push of an earlier run is known", (again[0], again[1]["duplicate"]), (200, True))
        server.stop()


def check_commands(failures, pipeline, where):
    listed = json.loads(leat_program.run("topics", "--json", *where).stdout)["topics"]
    failures.equal(f"leat topics {where[0]}", sorted(topic["name"] for topic in listed), ["dead_letters", "orders", "pulled"])
    tail = leat_program.run("tail", "orders", "--from-beginning", "--limit", "12", *where)
    ids = [json.loads(line)["id"] for line in tail.stdout.splitlines()]
    failures.check(f"leat tail {where[0]}", len(ids) == 12 and tail.returncode == 0, tail.stdout + tail.stderr)


def check_outage(failures, pipeline):
    with pipeline.server() as server:
        client = server.wait_ready().client
        before = totals(client)
        for away, back, number in ((pipeline.kafka.freeze, pipeline.kafka.thaw, 100),
                                   (pipeline.kafka.kill, pipeline.kafka.restart, 101)):
            away()
            begun = time.monotonic()
            status, headers, _ = client.request("POST", "/v1/topics/orders/records", json.dumps(order(number)),
                                                {"Content-Type": "application/json", "Idempotency-Key": f"o{number}"})
            failures.equal("a push meanwhile is answered 503", status, 503)
            failures.check("and when to come back", "Retry-After" in headers, headers)
            failures.check("soon", time.monotonic() - begun < patience(15), time.monotonic() - begun)
            failures.check("the status says why", "kafka" in (client.status()["failure"] or ""), client.status()["failure"])
            failures.equal("what is there can be read", totals(client)[0], before[0])
            back()
            eventually(failures, "the push again is taken", lambda: pushed(client, number), 200)
            before = [before[0] + 1, before[1] + 10, before[2] + 1]
            eventually(failures, "and counts once", lambda: totals(client), before)
            eventually(failures, "all is well again", lambda: client.status()["failure"], None)
        failures.equal("it stops well after it", server.stop(), 0)
    with pipeline.server() as server:
        server.wait_ready()
        pipeline.kafka.freeze()
        begun = time.monotonic()
        failures.equal("it stops well in an outage", server.stop(60), 0)
        failures.check("and soon", time.monotonic() - begun < patience(30), time.monotonic() - begun)
        pipeline.kafka.thaw()


def pushed(client, number):
    return client.push("orders", order(number), {"Idempotency-Key": f"o{number}"})[0]


def check_at_rest(failures, pipeline):
    check_commands(failures, pipeline, ["--data", pipeline.data])
    said = leat_program.run("check", "--connect", pipeline.file)
    failures.check("leat check --connect tries the log", said.returncode == 0 and "log topics (kafka)" in said.stdout,
                   said.stdout + said.stderr)
    pipeline.write("")
    said = leat_program.run("run", pipeline.file, "--data", pipeline.data, "--listen", "127.0.0.1:0")
    failures.check("another log is refused", said.returncode == 2 and "log-changed" in said.stderr, said.stderr)


def main():
    if not shutil.which("kcat"):
        leat_program.skip("there is no kcat to read topics with; run: scripts/setup test")
    failures = leat_program.Failures()
    api = Api()
    api.start()
    with leat_program.needing_servers():
        kafka = Kafka()
        kafka.start()
    try:
        with leat_program.scratch_folder() as folder:
            pipeline = Pipeline(folder, kafka, api)
            check_way(failures, pipeline)
            check_outage(failures, pipeline)
            check_at_rest(failures, pipeline)
            failures.end()
    finally:
        kafka.stop()


if __name__ == "__main__":
    main()
