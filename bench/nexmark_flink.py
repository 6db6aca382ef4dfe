"""Nexmark on Flink SQL, by its own public generator and statements, beside ours.

Needs Flink's libraries as the peers' setup.sh lays them out (PEERS) and a checkout of github.com/nexmark/nexmark (NEXMARK=FOLDER,
default PEERS/nexmark; measured: commit 6b3646c). Classes are built beside that checkout, never in this tree.
"""

import os
import pathlib
import subprocess

from measuring import PEERS, Program, fresh, note

CHECKOUT = pathlib.Path(os.environ.get("NEXMARK", PEERS / "nexmark")) / "nexmark-flink" / "src" / "main"
LIBRARIES = PEERS / "flink" / "dist" / "pyflink" / "lib"
CLASSES = CHECKOUT.parent.parent / "leat-classes"
DRIVER = pathlib.Path(__file__).with_name("NexmarkFlink.java")
HEAP = "10g"
# Flink can't say q6, q10 writes CSV files there, q13 needs a connector that Flink 2 has no more.
LEFT_OUT = {"q6", "q10", "q13"}
# Of a run's events: a short run has so many, and the warm rate is that of what the long one has more.
SHORT = 0.25
# What the JDK's modules hide from Flink.
OPENED = [f"--add-opens=java.base/{package}=ALL-UNNAMED"
          for package in ("java.util", "java.lang", "java.time", "java.nio", "java.util.concurrent")]


def missing():
    """What has to be laid out first, or None."""
    if not LIBRARIES.is_dir():
        return f"{LIBRARIES} is missing; lay Flink out with the peers' setup.sh and flink/run.sh, and name the folder by PEERS"
    if not CHECKOUT.is_dir():
        return f"{CHECKOUT} is missing; check out github.com/nexmark/nexmark, and name the folder by NEXMARK"
    return None


def class_path():
    return f"{CLASSES}:{CHECKOUT / 'resources'}:{LIBRARIES}/*"


def build():
    """Its connector, generator and functions, and our driver; not its own benchmark's runner."""
    parts = ["source", "generator", "model", "udf"]
    sources = [path for part in parts for path in (CHECKOUT / "java/com/github/nexmark/flink" / part).rglob("*.java")
               if path.name != "SideInputGenerator.java"]
    sources += [CHECKOUT / "java/com/github/nexmark/flink" / name
                for name in ("utils/NexmarkUtils.java", "NexmarkConfiguration.java")]
    newest = max(path.stat().st_mtime for path in [*sources, DRIVER])
    driver = CLASSES / "NexmarkFlink.class"
    if driver.exists() and driver.stat().st_mtime > newest:
        return
    CLASSES.mkdir(exist_ok=True)
    subprocess.run(["javac", "-proc:none", "-nowarn", "-cp", f"{LIBRARIES}/*", "-d", CLASSES, *sources, DRIVER], check=True,
                   stderr=subprocess.DEVNULL)


def run_once(query, events, events_per_second):
    folder = fresh(f"flink_{query}")
    # Only errors are logged, as everywhere here.
    (folder / "log4j2.properties").write_text("rootLogger.level=ERROR\n")
    program = Program(["java", f"-Xmx{HEAP}", "-XX:+UseG1GC", *OPENED, "-Dlog4j2.configurationFile=log4j2.properties",
                       "-cp", class_path(), "NexmarkFlink", CHECKOUT / "resources" / "queries", query, events,
                       events_per_second, folder / "checkpoints"], folder)
    seconds, cpu = program.wait()
    fresh(f"flink_{query}")
    return seconds, cpu, program.peak_bytes


def measure(query, events, events_per_second):
    """Notes the rate without the start of the virtual machine; returns events per CPU second, or None."""
    if query in LEFT_OUT:
        print(f"flink_nexmark_{query}: left out (see bench/nexmark_flink.py)", flush=True)
        return None
    build()
    few = round(events * SHORT)
    short = run_once(query, few, events_per_second)
    long = run_once(query, events, events_per_second)
    seconds, cpu = long[0] - short[0], long[1] - short[1]
    if min(seconds, cpu) <= 0:
        print(f"flink_nexmark_{query}: {events:,} events are too few to tell the rate from the start", flush=True)
        return None
    noted = note(f"flink_nexmark_{query}", events=events - few, seconds=seconds, cpu=cpu, peak_bytes=long[2], peer="flink",
                 whole_seconds=round(long[0], 1), whole_cpu_seconds=round(long[1], 1),
                 counted=f"warm: {events:,} events less {few:,}")
    return noted["events_per_cpu_second"]
