#!/usr/bin/env python3
"""`--memory-mib`: the whole process keeps to it while its state is larger, and answers as it would with more."""
import pathlib
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import leat_program  # noqa: E402
from leat_program import Server  # noqa: E402
from patience import patience  # noqa: E402

EVENTS = 6_000_000
BIDS = EVENTS * 46 // 50
KEYS = 10_000_000
LIMIT_MIB = 448
# What no commit has yet can't leave memory, and the program's own parts vary.
ABOVE = 1.25
PIPELINE = f"""
pipeline: many
sources:
  events:
    nexmark: {{rate: 0, count: {EVENTS}, partitions: 2, events_per_second: 100000}}
    topic: events
streams:
  bids:
    from: events
    columns:
      event_type: {{type: integer, required: true}}
      price: {{at: /bid/price, type: bigint}}
      url: {{at: /bid/url, type: text}}
      made: {{at: /bid/dateTime, type: timestamp, unit: ms}}
    select: SELECT (hash(url || price || made) % {KEYS})::BIGINT AS key FROM events WHERE event_type = 2
views:
  counted: {{query: "SELECT key, count(*) AS n FROM bids GROUP BY key"}}
"""


def resident_mib(process):
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0


def run_to_its_end(path, data, *arguments):
    """Exit code, and what the process held while it ran, MiB, ten times a second."""
    command = [leat_program.program(), "run", path, "--data", data, "--once", "--quiet", "--listen", "127.0.0.1:0", *arguments]
    held = []
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        ends = time.monotonic() + patience(240)
        while process.poll() is None and time.monotonic() < ends:
            held.append(resident_mib(process))
            time.sleep(0.1)
        process.kill()
    return process.returncode, [mib for mib in held if mib > 0]


def total(server):
    return server.client.sql("SELECT count(*) AS keys, sum(n)::BIGINT AS bids, max(n) AS most FROM counted")


def kept_to(folder, failures):
    path = folder / "many.yaml"
    path.write_text(PIPELINE)
    code, roomy = run_to_its_end(path, folder / "roomy", "--memory-mib", "4096")
    failures.equal("exit code with room", code, 0)
    code, held = run_to_its_end(path, folder / "scarce", "--memory-mib", str(LIMIT_MIB))
    failures.equal("exit code without", code, 0)
    last = statistics.median(held[-len(held) // 4:])
    failures.check("the process keeps to its limit", last <= LIMIT_MIB * ABOVE, f"{last:.0f} of {LIMIT_MIB} MiB")
    failures.check("where it would not without", roomy[-2] > LIMIT_MIB * ABOVE, f"{roomy[-2]:.0f} MiB")
    answers = []
    for name, limit in (("roomy", 4096), ("scarce", LIMIT_MIB)):
        with Server(path, folder / name, arguments=("--memory-mib", str(limit))).wait_ready() as server:
            status = server.client.status()
            failures.equal(f"{name}: the limit", status["memory_max_bytes"], limit << 20)
            part = status["state_memory_max_bytes"]
            failures.check(f"{name}: state's part", 16 << 20 <= part < limit << 20, part)
            answers.append(total(server))
    failures.equal("bids", answers[0][0][1], BIDS)
    failures.equal("with and without room", answers[1], answers[0])


def asked_for(folder, failures):
    """Without the option a part of the machine's is the limit; what is too little is refused."""
    path = folder / "many.yaml"
    path.write_text(PIPELINE.replace(f"count: {EVENTS}", "count: 1000"))
    with Server(path, folder / "data").wait_ready() as server:
        limit = server.client.status()["memory_max_bytes"]
        pages = int(pathlib.Path("/proc/meminfo").read_text().split()[1]) * 1024
        failures.check("a limit by default", 0 < limit <= pages * 2 // 3, f"{limit} of {pages}")
        metrics = server.client.request("GET", "/metrics")[2].decode()
        failures.check("in the metrics", f"leat_memory_max_bytes {limit}" in metrics, "")
    for little in ("5", "-1", "much"):
        refused = leat_program.run("run", path, "--data", folder / "data", "--memory-mib", little)
        failures.equal(f"--memory-mib {little}", refused.returncode, 2)
        failures.check(f"says so of {little}", "--memory-mib" in refused.stderr, refused.stderr)


if __name__ == "__main__":
    leat_program.run_each(kept_to, asked_for)
