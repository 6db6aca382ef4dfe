"""The load of the kill test: clients that push with a ledger, an API that is pulled, a file that grows.

A ledger's line is on disk before its request is sent, so that whatever the program is found to hold
can be judged by what was sent and by what it answered.
"""
import datetime
import http.client
import http.server
import json
import os
import threading
import time
import zlib

FIRST_EVENT = datetime.datetime(2020, 1, 1)
RETRY_PAUSE_SECONDS = 0.05


def event_time(version):
    """One second of event time for each record that anybody sends."""
    at = FIRST_EVENT + datetime.timedelta(seconds=version)
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def checksum(record):
    content = {name: value for name, value in record.items() if name != "check"}
    return zlib.crc32(json.dumps(content, sort_keys=True).encode())


class Clock:
    """Numbers all records of all clients: their versions, and by them their event times."""

    def __init__(self):
        self.lock = threading.Lock()
        self.last = 0

    def take(self):
        with self.lock:
            self.last += 1
            return self.last


class Ledger:
    """Lines of JSON, each synced before `note` returns."""

    def __init__(self, path):
        self.path = path
        self.file = open(path, "ab", buffering=0)

    def note(self, entry):
        self.file.write(json.dumps(entry).encode() + b"\n")
        os.fdatasync(self.file.fileno())

    def read(self):
        return [json.loads(line) for line in self.path.read_text().splitlines()]


class PushClient(threading.Thread):
    """Pushes small requests, one after the other, and repeats those whose fate it doesn't know."""

    def __init__(self, name, new_client, clock, ledger, random):
        super().__init__(name=name)
        self.new_client = new_client
        self.clock = clock
        self.ledger = ledger
        self.random = random
        self.numbered = random.random() < 0.5  # by producer and sequence, else by idempotency keys
        self.enough = threading.Event()
        self.faults = []
        self.sequence = 0
        self.requests = 0

    def run(self):
        self.client = self.new_client()
        while not self.enough.is_set():
            self.push_once()
            time.sleep(self.random.random() * 0.004)
        self.client.close()

    def make_record(self, key):
        amount = self.random.randrange(30)
        record = {"producer": self.name, "seq": self.sequence, "key": key,
                  "version": self.clock.take(), "amount": amount, "code": str(amount * 3)}
        record["at"] = event_time(record["version"])
        luck = self.random.random()
        if luck < 0.02:
            record["amount"] = "many"  # can't be decoded
        elif luck < 0.04:
            record.update(amount=1, code="x1")  # its SQL fails
        record["check"] = checksum(record)
        self.sequence += 1
        return record

    def push_once(self):
        key = f"key-{self.random.randrange(24)}"
        records = [self.make_record(key) for _ in range(self.random.choice([1, 1, 2, 5, 9]))]
        request = self.requests
        for record in records:
            self.ledger.note({"request": request, **record})
        if self.numbered:
            headers = {"Leat-Producer-Id": self.name, "Leat-Sequence": str(request)}
        else:
            headers = {"Idempotency-Key": f"{self.name}/{request}"}
        self.requests += 1
        answer = self.send(records, {**headers, "Leat-Key": key})
        if answer is None:
            return self.ledger.note({"request": request, "fate": "unknown"})
        self.ledger.note({"request": request, "fate": "acknowledged", "answer": answer})
        if self.random.random() < 0.05:
            again = self.send(records, {**headers, "Leat-Key": key}, may_give_up=False)
            if again != {**answer, "duplicate": True}:
                self.faults.append(f"repeated {headers}: {again} after {answer}")

    def send(self, records, headers, may_give_up=True):
        """The answer once there is one; nothing where this client chose not to ask again."""
        while True:
            try:
                status, answer = self.client.push("events", records, headers)
            except (OSError, http.client.HTTPException, json.JSONDecodeError):
                if may_give_up and not self.numbered and self.random.random() < 0.3:
                    return None
                time.sleep(RETRY_PAUSE_SECONDS)
                continue
            if status == 200:
                return answer
            if status != 503:
                self.faults.append(f"{status} {answer}")
                return None
            time.sleep(RETRY_PAUSE_SECONDS)


class PulledApi:
    """Every pull gets a few items that nobody got before."""

    def __init__(self):
        self.lock = threading.Lock()
        self.given = 0
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                with api.lock:
                    first = api.given
                    api.given += 5
                items = [{"id": number, "part": f"part-{number % 7}"}
                         for number in range(first, first + 5)]
                body = json.dumps({"items": items}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):  # whoever asked was killed
                pass

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class GrowingFile(threading.Thread):
    """Appends lines, now and then in two pieces."""

    def __init__(self, path, random):
        super().__init__(name="growing-file")
        self.path = path
        self.random = random
        self.enough = threading.Event()
        self.lines = 0
        path.touch()

    def run(self):
        with open(self.path, "ab", buffering=0) as file:
            while not self.enough.wait(0.01 + self.random.random() * 0.03):
                for _ in range(self.random.randrange(1, 8)):
                    line = json.dumps({"n": self.lines, "part": f"part-{self.lines % 5}"}) + "\n"
                    cut = self.random.randrange(len(line)) if self.random.random() < 0.1 else 0
                    file.write(line[:cut].encode())
                    if cut:
                        time.sleep(0.01)
                    file.write(line[cut:].encode())
                    self.lines += 1


class Reader(threading.Thread):
    """Asks what must hold in every epoch, whenever somebody looks."""

    QUERY = """SELECT (SELECT coalesce(sum(rows), 0) FROM totals),
                      (SELECT coalesce(sum(rows), 0) FROM minutes),
                      (SELECT coalesce(sum(keys), 0) FROM buckets), (SELECT count(*) FROM latest_rows)"""

    def __init__(self, new_client):
        super().__init__(name="reader")
        self.new_client = new_client
        self.enough = threading.Event()
        self.faults = []
        self.looks = 0

    def run(self):
        client = self.new_client()
        while not self.enough.wait(0.03):
            try:
                status, _, body = client.request(
                    "POST", "/v1/sql", self.QUERY.encode(), {"Content-Type": "text/plain"})
            except (OSError, http.client.HTTPException):
                continue
            if status != 200:
                if status != 503:
                    self.faults.append(f"{status} {body[:500]!r}")
                continue
            total, minutes, keys, latest = json.loads(body)["rows"][0]
            self.looks += 1
            if total != minutes or keys != latest:
                self.faults.append(f"one epoch, two truths: {total}≠{minutes} or {keys}≠{latest}")
        client.close()
