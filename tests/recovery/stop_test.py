#!/usr/bin/env python3
"""Stops the program, starts it where it can't run, and fills its disk: nothing may be lost.

usage: stop_test.py [NAME…]
"""
import http.client
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import leat_program  # noqa: E402
from leat_program import Client, Server  # noqa: E402
from patience import patience  # noqa: E402

STOP_SECONDS_MAX = 20
DISK_BYTES = 400 << 20
DISK_ROUNDS = 5

PIPELINE = """
pipeline: stops
topics: {events: {partitions: 2}}
streams:
  rows: {from: events, columns: {client: {type: text, required: true}, n: {type: bigint, required: true}}}
views:
  totals: {query: "SELECT client, count(*) AS rows, sum(n) AS numbers FROM rows GROUP BY client"}
sinks:
  out: {from: rows, file: {path: "%s/out.jsonl"}}
"""


class Pusher(threading.Thread):
    """Pushes until it is told to end or the program is gone; knows what was acknowledged."""

    def __init__(self, port, name, padding=0):
        super().__init__(name=name, daemon=True)
        self.client = Client(port)
        self.padding = "x" * padding
        self.acknowledged = set()
        self.unknown = set()
        self.refused = []
        self.enough = threading.Event()

    def run(self):
        n = 0
        while not self.enough.is_set():
            record = {"client": self.name, "n": n, "padding": self.padding}
            try:
                status, answer = self.client.push("events", record)
            except (OSError, http.client.HTTPException, json.JSONDecodeError):
                self.unknown.add(n)
                return
            if status == 200:
                self.acknowledged.add(n)
            else:
                self.refused.append((status, answer))
                if status != 503:
                    return
                time.sleep(0.02)
            n += 1


def write_pipeline(folder):
    path = folder / "stops.yaml"
    path.write_text(PIPELINE % folder)
    return path


def read_numbers(path):
    found = {}
    for line in path.read_text().splitlines():
        row = json.loads(line)
        found.setdefault(row["client"], []).append(row["n"])
    return found


def check_nothing_lost(failures, what, pushers, found):
    for pusher in pushers:
        numbers = found.get(pusher.name, [])
        failures.check(f"{what}: {pusher.name}: none twice", len(numbers) == len(set(numbers)))
        failures.check(f"{what}: {pusher.name}: all {len(pusher.acknowledged)} are there",
                       pusher.acknowledged <= set(numbers),
                       sorted(pusher.acknowledged - set(numbers))[:5])
        failures.check(f"{what}: {pusher.name}: nothing refused is there",
                       set(numbers) <= pusher.acknowledged | pusher.unknown,
                       sorted(set(numbers) - pusher.acknowledged - pusher.unknown)[:5])


def stop_under_load(folder, failures):
    pipeline = write_pipeline(folder)
    for turn in range(3):
        data = folder / f"data-{turn}"
        (folder / "out.jsonl").unlink(missing_ok=True)
        with Server(pipeline, data, arguments=["--commit-interval-ms", "5000"]) as server:
            server.wait_ready()
            pushers = [Pusher(server.port, f"pusher-{i}", 500) for i in range(4)]
            for pusher in pushers:
                pusher.start()
            time.sleep(0.3 + 0.4 * turn)
            began = time.monotonic()
            code = server.stop(STOP_SECONDS_MAX + 10)
            took = time.monotonic() - began
            for pusher in pushers:
                pusher.join(30)
        failures.equal("exit code of a stop under load", code, 0)
        failures.check(f"the stop took {took:.2f} s", took <= patience(STOP_SECONDS_MAX))
        failures.check("something was under way", all(len(p.acknowledged) > 5 for p in pushers))
        # What was acknowledged is in the file at once, not only after the next start.
        check_nothing_lost(failures, "stop", pushers, read_numbers(folder / "out.jsonl"))
        for pusher in pushers:
            others = [r for r in pusher.refused if r[1]["error"]["code"] != "stopping"]
            failures.check("what comes during the stop is refused as `stopping`", not others,
                           others[:2])
        with Server(pipeline, data) as server:
            server.wait_ready().client.settle()
            rows = server.client.sql("SELECT client, rows, numbers FROM totals")
        found = read_numbers(folder / "out.jsonl")
        leat_program.same_rows(failures, "the view after the restart", rows,
                               [[name, len(n), sum(n)] for name, n in found.items()])


def interrupt_twice(folder, failures):
    """The same by SIGINT, and while nothing is under way."""
    with Server(write_pipeline(folder), folder / "data") as server:
        server.wait_ready()
        server.client.close()
        server.process.send_signal(2)
        failures.equal("exit code after SIGINT", server.process.wait(patience(STOP_SECONDS_MAX)), 0)


def second_process(folder, failures):
    pipeline = write_pipeline(folder)
    with Server(pipeline, folder / "data") as server:
        server.wait_ready()
        other = leat_program.run("run", pipeline, "--data", folder / "data", "--listen",
                                 "127.0.0.1:0")
        failures.equal("exit code of the second process", other.returncode, 2)
        failures.check("it names the holder", str(server.process.pid) in other.stderr, other.stderr)
        failures.check("it names the folder", str(folder / "data") in other.stderr, other.stderr)
        failures.equal("the first goes on", server.client.push("events", {"client": "a", "n": 1})[0],
                       200)
    with Server(pipeline, folder / "data") as server:  # a lock does not outlive its process
        failures.check("a killed process leaves no lock", server.wait_ready().is_ready())


def port_in_use(folder, failures):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        answer = leat_program.run("run", write_pipeline(folder), "--data", folder / "data",
                                  "--listen", f"127.0.0.1:{port}")
        failures.equal("exit code where the port is in use", answer.returncode, 3)
        failures.check("it names the port and the cause", str(port) in answer.stderr
                       and "in use" in answer.stderr, answer.stderr)
    for listen in ("127.0.0.1", "127.0.0.1:99999", "nowhere", "127.0.0.1:-1"):
        answer = leat_program.run("run", write_pipeline(folder), "--data", folder / "data",
                                  "--listen", listen)
        failures.equal(f"exit code for --listen {listen}", answer.returncode, 2)
    answer = leat_program.run("run", write_pipeline(folder), "--data", folder / "data", "--listen",
                              f"0.0.0.0:{leat_program.free_port()}")
    failures.equal("exit code for an open address that wasn't asked for", answer.returncode, 2)
    failures.check("it says how to ask", "--allow-remote" in answer.stderr, answer.stderr)


def unprivileged(command):
    """Root may write everywhere: the test then runs the program as nobody."""
    if os.geteuid() != 0:
        return {}
    return {"user": 65534, "group": 65534, "extra_groups": []}


def read_only_data(folder, failures):
    os.chmod(folder, 0o755)
    pipeline = write_pipeline(folder)
    data = folder / "data"
    with Server(pipeline, data) as server:
        server.wait_ready().client.push("events", {"client": "a", "n": 1})
        server.client.settle()
        failures.equal("exit code", server.stop(), 0)
    locked = folder / "locked"
    locked.mkdir(mode=0o555)
    os.chmod(locked, 0o555)
    try:
        as_nobody = unprivileged(None)
        reachable = subprocess.run([leat_program.program(), "version"], capture_output=True,
                                   **as_nobody).returncode == 0
    except (OSError, subprocess.SubprocessError):
        reachable = False
    if not reachable:
        print("left out: the program can't be started as another user")
        return
    refused = [("a data folder that can't be made", locked / "data")]
    if os.geteuid() == 0:  # otherwise it is ours
        refused.append(("a data folder of somebody else", data))
    for what, path in refused:
        answer = leat_program.run("run", pipeline, "--data", path, "--listen", "127.0.0.1:0",
                                  **as_nobody)
        failures.check(f"exit code for {what}", answer.returncode in (2, 3),
                       f"{answer.returncode} {answer.stderr}")
        failures.check(f"{what}: the folder and the cause are named",
                       str(path) in answer.stderr and re.search(
                           "permission|read-only|denied", answer.stderr, re.I), answer.stderr)
    with Server(pipeline, data) as server:
        server.wait_ready().client.settle()
        failures.equal("nothing lost", server.client.sql("SELECT client, rows FROM totals"),
                       [["a", 1]])


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def newer_version(folder, failures):
    pipeline = write_pipeline(folder)
    data = folder / "data"
    with Server(pipeline, data) as server:
        server.wait_ready().client.push("events", {"client": "a", "n": 1})
        server.client.settle()
        server.stop()
    settings = data / "topics" / "events" / "settings"
    before = settings.read_text()
    content = re.sub(r"^leat_topic \d+", "leat_topic 9", before[:before.rindex("\ncrc32c ")])
    settings.write_text(f"{content}\ncrc32c {crc32c(content.encode()):08x}\n")
    answer = leat_program.run("run", pipeline, "--data", data, "--listen", "127.0.0.1:0")
    failures.equal("exit code for a newer version's folder", answer.returncode, 2)
    failures.check("it says that a newer version wrote it", "newer" in answer.stderr
                   and str(settings) in answer.stderr, answer.stderr)
    settings.write_text(before)
    with Server(pipeline, data) as server:
        server.wait_ready().client.settle()
        failures.equal("the refusal changed nothing",
                       server.client.sql("SELECT client, rows FROM totals"), [["a", 1]])


class SmallDisk:
    """A file system of a fixed size."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        self.path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", self.path],
                       check=True, capture_output=True)
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", self.path], capture_output=True)
        return False

    def fill(self):
        """Takes all that is left."""
        with open(self.path / "ballast", "ab", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(1 << 20))
            except OSError:
                pass

    def free(self):
        (self.path / "ballast").unlink(missing_ok=True)


def wait_for_status(client, wanted, seconds_max):
    ends = time.monotonic() + patience(seconds_max)
    n = 0
    while time.monotonic() < ends:
        n += 1
        answer = client.push("events", {"client": "probe", "n": n})
        if answer[0] == wanted:
            return answer
        time.sleep(0.1)
    return answer


def full_disk(folder, failures):
    pipeline = write_pipeline(folder)
    try:
        disk = SmallDisk(folder / "disk").__enter__()
    except (OSError, subprocess.CalledProcessError):
        print("left out: a small file system can't be mounted here (not root)")
        return
    try:
        data = disk.path / "data"
        with Server(pipeline, data, arguments=["--commit-interval-ms", "50"]) as server:
            server.wait_ready()
            everyone = []
            for turn in range(DISK_ROUNDS):
                pushers = [Pusher(server.port, f"round-{turn}-{i}", 2000) for i in range(2)]
                everyone += pushers
                for pusher in pushers:
                    pusher.start()
                time.sleep(0.2)
                disk.fill()
                status, answer = wait_for_status(server.client, 503, 10)
                failures.equal(f"round {turn}: a full disk refuses", status, 503)
                if status == 503:
                    error = answer["error"]
                    failures.equal("and says why", (error["code"], error["retryable"]),
                                   ("disk-full", True))
                time.sleep(0.5)
                failures.equal("it lives", server.client.request("GET", "/healthz")[0], 200)
                disk.free()
                status, answer = wait_for_status(server.client, 200, 15)
                failures.equal(f"round {turn}: it heals by itself", status, 200)
                for pusher in pushers:
                    pusher.enough.set()
                for pusher in pushers:
                    pusher.join(30)
                failures.check(f"round {turn}: the clients were refused, not left",
                               all(p.refused and not p.unknown for p in pushers),
                               [p.refused[-1:] for p in pushers])
            server.client.settle()
            rows = server.client.sql("SELECT client, rows, numbers FROM totals WHERE client <> 'probe'")
            failures.equal("exit code", server.stop(), 0)
        found = read_numbers(folder / "out.jsonl")
        found.pop("probe")
        check_nothing_lost(failures, "full disk", everyone, found)
        leat_program.same_rows(failures, "the view after a full disk", rows,
                               [[name, len(n), sum(n)] for name, n in found.items()])
        start_on_full_disk(folder, disk, pipeline, rows, failures)
    finally:
        disk.__exit__()


def start_on_full_disk(folder, disk, pipeline, rows, failures):
    """A start that finds the disk full either runs or says so; later it has everything."""
    disk.fill()
    process = subprocess.Popen(
        [leat_program.program(), "run", pipeline, "--data", disk.path / "data", "--listen",
         "127.0.0.1:0"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True)
    time.sleep(1.5)
    if process.poll() is None:
        process.terminate()
    said = process.communicate(timeout=patience(30))[1]
    failures.check("a start on a full disk is no crash", process.returncode in (0, 2, 3),
                   f"{process.returncode} {said}")
    failures.check("it names the disk", re.search("space|room|bytes are left", said), said)
    disk.free()
    with Server(pipeline, disk.path / "data") as server:
        server.wait_ready().client.settle()
        again = server.client.sql("SELECT client, rows, numbers FROM totals WHERE client <> 'probe'")
    leat_program.same_rows(failures, "the view after that", again, rows)


def wait_for_failure(client, wanted):
    """What the engine says that it can't do, once there is such a thing; or None once there is none."""
    ends = time.monotonic() + patience(10)
    while True:
        failure = client.status()["failure"]
        if bool(failure) == wanted or time.monotonic() > ends:
            return failure
        time.sleep(0.1)


def full_output_disk(folder, failures):
    """The file sink's disk is full, the data directory's is not: what comes is taken, and written when there is room."""
    try:
        disk = SmallDisk(folder / "disk").__enter__()
    except (OSError, subprocess.CalledProcessError):
        print("left out: a small file system can't be mounted here (not root)")
        return
    try:
        pipeline = folder / "stops.yaml"
        pipeline.write_text(PIPELINE % disk.path)
        with Server(pipeline, folder / "data", arguments=["--commit-interval-ms", "50"]) as server:
            server.wait_ready()
            pusher = Pusher(server.port, "pusher", 2000)
            pusher.start()
            time.sleep(0.3)
            disk.fill()
            said = wait_for_failure(server.client, True) or ""
            failures.check("it says that there is no room", "out.jsonl" in said, said)
            failures.equal("it lives", server.client.request("GET", "/healthz")[0], 200)
            disk.free()
            failures.equal("it heals by itself", wait_for_failure(server.client, False), None)
            pusher.enough.set()
            pusher.join(30)
            server.client.settle()
            failures.equal("exit code", server.stop(), 0)
        check_nothing_lost(failures, "full output disk", [pusher], read_numbers(disk.path / "out.jsonl"))
    finally:
        disk.__exit__()


TESTS = [stop_under_load, interrupt_twice, second_process, port_in_use, read_only_data,
         newer_version, full_disk, full_output_disk]


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
