"""What the benchmarks share: run the program, count what its whole process tree uses, note the result.

A result is one JSON line in build/bench/results.jsonl and one line on the terminal. CPU seconds are
user and system time of the program and all its children, from its start to its end; memory is the
greatest sum of their resident sets, looked at every 20 ms.
"""

import json
import os
import pathlib
import platform
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "bench"
WORK = OUT / "work"
LEAT = pathlib.Path(os.environ.get("LEAT", ROOT / "build" / "leat"))
PEERS = pathlib.Path(os.environ.get("PEERS", pathlib.Path.home() / ".cache" / "peers"))
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def data(name):
    """A folder of the peers' data, read once so that all runs find it in the page cache; ends the
    benchmark with the remedy when it is not there."""
    folder = PEERS / "data" / name
    if not folder.is_dir():
        sys.exit(f"{folder} is missing: make the data with the peers' setup.sh (12 GB), "
                 "and name its folder by PEERS=FOLDER")
    for path in folder.iterdir():
        with open(path, "rb", buffering=0) as file:
            while file.read(1 << 22):
                pass
    return folder


def fresh(name):
    """An empty folder to work in, below build/bench."""
    folder = WORK / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def process_stat(pid):
    """Parent, CPU seconds (with those of ended children), resident bytes; None when it is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2:].split()
    return int(fields[1]), sum(map(int, fields[11:15])) / TICKS, int(fields[21]) * PAGE


def tree(root):
    """CPU seconds and resident bytes of a process and all below it."""
    stats = {int(name): process_stat(name) for name in os.listdir("/proc") if name.isdigit()}
    members, grown = {root}, True
    while grown:
        more = {pid for pid, stat in stats.items() if stat and stat[0] in members} - members
        members |= more
        grown = bool(more)
    known = [stats[pid] for pid in members if stats.get(pid)]
    return sum(stat[1] for stat in known), sum(stat[2] for stat in known)


class Program:
    """The program under measurement, as a context; `serve` waits until it is ready."""

    def __init__(self, arguments, folder):
        self.log = open(folder / "program.log", "ab")
        self.before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.begin = time.monotonic()
        self.process = subprocess.Popen([str(argument) for argument in arguments],
                                        stdout=self.log, stderr=subprocess.STDOUT, cwd=folder)
        self.peak_bytes = 0
        self.log_path = folder / "program.log"
        self.watcher = threading.Thread(target=self._watch, daemon=True)
        self.watcher.start()

    def _watch(self):
        while self.process.poll() is None:
            self.peak_bytes = max(self.peak_bytes, tree(self.process.pid)[1])
            time.sleep(0.02)

    def cpu(self):
        """So far, while it runs."""
        return tree(self.process.pid)[0]

    def resident(self):
        return tree(self.process.pid)[1]

    def wait(self):
        """To its end: seconds, CPU seconds."""
        code = self.process.wait()
        seconds = time.monotonic() - self.begin
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = (used.ru_utime + used.ru_stime - self.before.ru_utime - self.before.ru_stime)
        if code not in (0, -signal.SIGKILL):
            sys.exit(f"the program ended with {code}:\n{self.log_path.read_text()[-2000:]}")
        return seconds, cpu

    def ready(self, port, timeout=30):
        """Seconds from the start until /readyz says so."""
        while time.monotonic() - self.begin < timeout:
            if self.process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
                    return time.monotonic() - self.begin
            except OSError:
                time.sleep(0.002)
        sys.exit(f"the program does not get ready:\n{self.log_path.read_text()[-2000:]}")

    def end(self):
        self.process.terminate()
        return self.wait()

    def kill(self):
        self.process.kill()
        return self.wait()


def free_port():
    import socket
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get_json(port, path, timeout=10):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=timeout) as answer:
        return json.load(answer)


def check(holds, what):
    """A run that loses or skips work has no speed."""
    if not holds:
        sys.exit(f"WRONG RESULT: {what}")


def note(name, *, events=None, seconds=None, cpu=None, peak_bytes=None, target=None, **more):
    result = {"name": name, "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
              "machine": f"{os.cpu_count()} cores, {platform.machine()}",
              "load_1m": round(os.getloadavg()[0], 1)}
    if events is not None:
        result["events"] = events
    if seconds is not None:
        result["seconds"] = round(seconds, 3)
    if cpu is not None:
        result["cpu_seconds"] = round(cpu, 2)
    if events is not None and seconds:
        result["events_per_second"] = round(events / seconds)
    if events is not None and cpu:
        result["events_per_cpu_second"] = round(events / cpu)
    if peak_bytes is not None:
        result["peak_mib"] = round(peak_bytes / 2**20, 1)
    if target is not None:
        result["target"] = target
    result.update(more)
    OUT.mkdir(parents=True, exist_ok=True)
    with open(OUT / "results.jsonl", "a") as out:
        out.write(json.dumps(result) + "\n")
    hidden = ("name", "at", "machine")
    print(f"{name}: " + ", ".join(f"{key} {value:,}" if isinstance(value, int) else f"{key} {value}"
                                  for key, value in result.items() if key not in hidden), flush=True)
    return result


def run_once(name, pipeline, folder, *arguments):
    """Runs a pipeline to the end of its input: seconds, CPU seconds, peak bytes."""
    path = folder / f"{name}.yaml"
    path.write_text(pipeline)
    program = Program([LEAT, "run", path, "--once", "--quiet", "--data", folder / "data",
                       "--listen", "127.0.0.1:0", *arguments], folder)
    seconds, cpu = program.wait()
    return seconds, cpu, program.peak_bytes


def generator(name, libraries=()):
    """A load generator of this folder, built when it is older than its sources."""
    source, program = ROOT / "bench" / f"{name}.cc", OUT / name
    sources = [source, ROOT / "bench" / "http_connection.h"]
    if not program.exists() or program.stat().st_mtime < max(s.stat().st_mtime for s in sources):
        OUT.mkdir(parents=True, exist_ok=True)
        subprocess.run(["g++", "-std=c++20", "-O2", source, "-o", program]
                       + [f"-l{library}" for library in libraries], check=True)
    return program


def microbenchmark(name):
    """Runs a Google Benchmark program of this folder; each of its benchmarks is a result. CPU
    seconds are those of the measured loop alone."""
    subprocess.run([ROOT / "scripts" / "build", "release", name], check=True,
                   stdout=subprocess.DEVNULL)
    folder = fresh(name)
    done = subprocess.run([ROOT / "build" / "bench" / name, "--benchmark_format=json",
                           "--benchmark_min_time=2"], cwd=folder, check=True, capture_output=True,
                          text=True)
    for one in json.loads(done.stdout)["benchmarks"]:
        check(not one.get("error_occurred"), f"{one['name']}: {one.get('error_message')}")
        turns = one["iterations"]
        seconds, cpu = one["real_time"] * turns / 1e9, one["cpu_time"] * turns / 1e9
        clock = seconds if "real_time" in one["name"] else cpu
        note(one["name"].removesuffix("/real_time"),
             events=round(one["items_per_second"] * clock), seconds=seconds, cpu=cpu,
             megabytes_per_second=round(one["bytes_per_second"] / 1e6))
    fresh(name)


def count_lines(folder):
    """Lines of all visible files."""
    lines = 0
    for path in pathlib.Path(folder).iterdir():
        if path.name.startswith("."):
            continue
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                lines += block.count(b"\n")
    return lines
