"""The real program as the tests use it: started, asked over HTTP, stopped, killed.

For tests in folders below this one. A test exits 0, 1, or 77 when it is skipped.
"""
import contextlib
import fcntl
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import zlib
from patience import patience
from servers.downloads import Unavailable

TESTS = pathlib.Path(__file__).resolve().parent
PROJECT = TESTS.parent
VENV = PROJECT / ".cache" / "venv-test"
READY_SECONDS_MAX = patience(60)
SETTLE_SECONDS_MAX = patience(60)


def skip(reason):
    print(f"skipped: {reason}", flush=True)
    sys.exit(77)


@contextlib.contextmanager
def needing_servers():
    """Skips the test where a server that is fetched or started within it can't be had."""
    try:
        yield
    except Unavailable as reason:
        skip(str(reason))


def program():
    named = os.environ.get("LEAT")
    candidates = [named] if named else [PROJECT / "build" / "leat",
                                        PROJECT / "build" / "src" / "app" / "leat"]
    for path in candidates:
        if os.path.isfile(path):
            return str(pathlib.Path(path).resolve())
    skip(f"no program at {' or '.join(map(str, candidates))}; run: make build")


def need_duckdb():
    """Runs this script again inside the virtual environment of the tests, where that is needed."""
    need_packages("duckdb")


def need_packages(*names):
    """The same for packages of tests/requirements.txt, by the names that they are imported by."""
    imports = "import " + ", ".join(names)
    try:
        exec(imports, {})
        return
    except ImportError:
        pass
    if os.environ.get("LEAT_IN_VENV"):
        skip(f"{' or '.join(names)} can't be imported from {VENV}")
    python = VENV / "bin" / "python"
    VENV.parent.mkdir(parents=True, exist_ok=True)
    with open(VENV.parent / "venv-test.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run side by side
        try:
            if not python.exists():
                subprocess.run([sys.executable, "-m", "venv", VENV], check=True, timeout=120)
            if subprocess.run([python, "-c", imports], capture_output=True).returncode:
                subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check",
                                "-r", TESTS / "requirements.txt"], check=True, timeout=240)
        except (OSError, subprocess.SubprocessError) as error:
            skip(f"the Python packages of tests/requirements.txt can't be installed: {error}")
    os.execve(python, [str(python), *sys.argv], {**os.environ, "LEAT_IN_VENV": "1"})


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Failures:
    """Counts what was checked and prints what was not as it should be."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def check(self, what, good, detail=""):
        if good:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED: {what}{': ' if detail else ''}{str(detail)[:2000]}", flush=True)
        return good

    def equal(self, what, got, wanted):
        return self.check(what, got == wanted, "" if got == wanted else
                          f"got {got!r}, wanted {wanted!r}")

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed, 0 skipped", flush=True)
        sys.exit(1 if self.failed else 0)


@contextlib.contextmanager
def scratch_folder(keep_on_failure=True):
    """A temporary folder; it stays, and is named, when the test fails."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="leat-test-"))
    try:
        yield path
    except BaseException as reason:
        ended_well = isinstance(reason, SystemExit) and reason.code in (0, None, 77)
        if keep_on_failure and not ended_well:
            print(f"what it left is in {path}", flush=True)
        else:
            shutil.rmtree(path, ignore_errors=True)
        raise
    shutil.rmtree(path, ignore_errors=True)


def run_each(*tests):
    """Calls each test with a scratch folder and the failures to add to; prints its time, and ends with the count."""
    failures = Failures()
    for test in tests:
        with scratch_folder() as folder:
            began = time.monotonic()
            try:
                test(folder, failures)
            except (AssertionError, ValueError, KeyError, IndexError, subprocess.TimeoutExpired) as fault:
                failures.check(test.__name__, False, repr(fault))
            print(f"{test.__name__}: {time.monotonic() - began:.1f} s", flush=True)
    failures.end()


def run(*arguments, timeout=60, **settings):
    """Runs the program to its end; its answer has returncode, stdout and stderr as text. `run` listens on a free port."""
    if arguments[:1] == ("run",) and "--listen" not in arguments:
        arguments = (*arguments, "--listen", "127.0.0.1:0")
    settings.setdefault("text", True)
    settings.setdefault("stdin", subprocess.DEVNULL if "input" not in settings else None)
    if settings["stdin"] is None:
        del settings["stdin"]
    return subprocess.run([program(), *map(str, arguments)], capture_output=True, timeout=patience(timeout),
                          **settings)


class Client:
    """One kept HTTP connection. Not for two threads at a time."""

    def __init__(self, port, timeout=60):
        self.port = port
        self.timeout = patience(timeout)
        self.connection = None

    def request(self, method, path, body=None, headers=None):
        """(status, headers, body); any OSError or HTTPException means: unknown what became of it."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                         timeout=self.timeout)
        try:
            self.connection.request(method, path, body=body, headers=headers or {})
            response = self.connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def json(self, method, path, body=None, headers=None):
        status, _, answer = self.request(method, path, body, headers)
        if status != 200:
            raise AssertionError(f"{method} {path}: {status} {answer[:2000]!r}")
        return json.loads(answer)

    def push(self, topic, body, headers=None, query=""):
        if not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        status, _, answer = self.request("POST", f"/v1/topics/{topic}/records{query}", body,
                                         {"Content-Type": "application/json", **(headers or {})})
        return status, json.loads(answer)

    def sql(self, query):
        """Rows as lists."""
        return self.json("POST", "/v1/sql", json.dumps({"query": query, "limit": 1000000}),
                         {"Content-Type": "application/json"})["rows"]

    def status(self):
        return self.json("GET", "/v1/status")

    def records(self, topic):
        """Every record of a topic, partition by partition, in order of offsets."""
        listed = self.json("GET", "/v1/topics")["topics"]
        partitions = next(t["partitions"] for t in listed if t["name"] == topic)
        found = []
        for partition in partitions:
            offset = partition["first_offset"]
            while True:
                answer = self.json(
                    "GET", f"/v1/topics/{urllib.parse.quote(topic)}/records"
                    f"?partition={partition['partition']}&offset={offset}&limit=10000")
                found += answer["records"]
                state = answer["partitions"][0]
                if state["next_offset"] >= state["end_offset"] or not answer["records"]:
                    break
                offset = state["next_offset"]
        return found

    def settle(self):
        """Waits until everything that has arrived is in the views and committed; gives the status."""
        ends = time.monotonic() + SETTLE_SECONDS_MAX
        while time.monotonic() < ends:
            status = self.status()
            if status["failure"]:
                raise AssertionError(f"the engine failed: {status['failure']}")
            if status["lag"] == 0 and status["committed_epoch"] == status["epoch"]:
                again = self.status()
                if again["epoch"] == status["epoch"] and again["lag"] == 0:
                    return again
            time.sleep(0.05)
        raise AssertionError(f"not settled after {SETTLE_SECONDS_MAX} s: {status}")

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def log_brokers():
    """Of the Kafka cluster that keeps the topics of every server of the test (tests/on_kafka_log.py), or None."""
    return os.environ.get("LEAT_TEST_LOG_BROKERS")


def log_file(data):
    """A pipeline file beside the others that puts their topics on that cluster, each data directory's apart."""
    path = pathlib.Path(f"{data}.log.yaml")
    prefix = f"t{zlib.crc32(str(data).encode()):08x}."
    path.write_text(f'pipeline: log_on_kafka\n'
                    f'log: {{kafka: {{brokers: ["{log_brokers()}"], topic_prefix: {prefix}}}}}\n')
    return path


class Server:
    """`leat run` as a child process."""

    def __init__(self, pipeline, data, port=None, arguments=(), env=None, cwd=None):
        self.port = port or free_port()
        self.log_path = pathlib.Path(f"{data}.log")
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [program(), "run", str(pipeline), "--data", str(data), "--listen",
             f"127.0.0.1:{self.port}", "--quiet", *arguments,
             *([log_file(data)] if log_brokers() else [])],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, cwd=cwd,
            env={**os.environ, **(env or {})})
        self.client = Client(self.port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        return False

    def is_ready(self):
        try:
            return self.client.request("GET", "/readyz")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def wait_ready(self):
        ends = time.monotonic() + READY_SECONDS_MAX
        while time.monotonic() < ends:
            if self.process.poll() is not None:
                raise AssertionError(f"the program ended with {self.process.returncode}:\n"
                                     f"{self.output()[-3000:]}")
            if self.is_ready():
                return self
            time.sleep(0.01)
        raise AssertionError(f"not ready after {READY_SECONDS_MAX} s:\n{self.output()[-3000:]}")

    def output(self):
        return self.log_path.read_text(errors="replace")

    def stop(self, seconds_max=30):
        """SIGTERM; gives the exit code."""
        self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(patience(seconds_max))
        finally:
            self.log.close()

    def kill(self):
        self.client.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.log.close()


class PushLoad:
    """As a context: pushes the rows `row(0)`, `row(1)`, … to a topic, a batch a request, each sent again until it is answered."""

    def __init__(self, port, topic, row, batch, pause):
        self.client = Client(port, timeout=20)
        self.topic, self.row, self.batch, self.pause = topic, row, batch, pause
        self.pushed = 0
        self.longest = 0.0  # seconds that a batch took
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        while not self.stopping.is_set():
            rows = [self.row(n) for n in range(self.pushed, self.pushed + self.batch)]
            began = time.monotonic()
            while not self._push(rows):
                if self.stopping.wait(0.005):
                    return
            self.longest = max(self.longest, time.monotonic() - began)
            self.pushed += self.batch
            self.stopping.wait(self.pause)

    def _push(self, rows):
        try:
            return self.client.push(self.topic, rows, {"Idempotency-Key": f"batch {self.pushed}"})[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()
        self.client.close()

    def wait_for(self, count, seconds_max=60):
        """Until that many rows have been answered."""
        deadline = time.monotonic() + patience(seconds_max)
        while self.pushed < count:
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.pushed} rows were pushed in {patience(seconds_max)} s, not {count}")
            time.sleep(0.01)


def sorted_rows(rows, digits=9):
    """Rows in an order of their own, with doubles to so many digits, to be compared."""
    def plain(value):
        if isinstance(value, float):
            value = float(f"{value:.{digits}g}")
            return int(value) if value.is_integer() else value  # JSON knows one kind of number
        return value
    return sorted(([plain(value) for value in row] for row in rows),
                  key=lambda row: json.dumps(row, default=str))


def same_rows(failures, what, got, wanted):
    """Compares two sets of rows, and names a few that differ."""
    got, wanted = sorted_rows(got), sorted_rows(wanted)
    if got == wanted:
        return failures.check(f"{what} ({len(wanted)} rows)", True)
    as_text = lambda rows: [json.dumps(row, default=str) for row in rows]  # noqa: E731
    missing = set(as_text(wanted)) - set(as_text(got))
    surplus = set(as_text(got)) - set(as_text(wanted))
    return failures.check(what, False, f"{len(got)} rows instead of {len(wanted)}; "
                          f"missing {sorted(missing)[:5]}, too many {sorted(surplus)[:5]}")


