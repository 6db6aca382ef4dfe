"""Statements of Flink SQL in one process, measured beside ours.

Needs Flink's libraries as the peers' setup.sh lays them out (PEERS). Classes are built there, never in this tree.
"""

import pathlib
import subprocess

from measuring import PEERS, Program, fresh, note

LIBRARIES = PEERS / "flink" / "dist" / "pyflink" / "lib"
CLASSES = PEERS / "flink" / "leat-classes"
PROGRAMS = [pathlib.Path(__file__).with_name(name) for name in ("FlinkSql.java", "CampaignOf.java")]
HEAP = "10g"
# Of a run's events: a short run has so many, and the warm rate is that of what the long one has more.
SHORT = 0.25
# What the JDK's modules hide from Flink.
OPENED = [f"--add-opens=java.base/{package}=ALL-UNNAMED"
          for package in ("java.util", "java.lang", "java.time", "java.nio", "java.util.concurrent")]


def missing():
    """What has to be laid out first, or None."""
    if not LIBRARIES.is_dir():
        return f"{LIBRARIES} is missing; lay Flink out with the peers' setup.sh and flink/run.sh, and name the folder by PEERS"
    return None


def build(sources, classes):
    """Compiles what is newer than what was made of it."""
    stamp = classes / ".built"
    if stamp.exists() and stamp.stat().st_mtime > max(path.stat().st_mtime for path in sources):
        return
    classes.mkdir(exist_ok=True)
    subprocess.run(["javac", "-proc:none", "-nowarn", "-cp", f"{LIBRARIES}/*", "-d", classes, *sources], check=True,
                   stderr=subprocess.DEVNULL)
    stamp.touch()


def run_once(name, statements, class_path=()):
    """Seconds, CPU seconds and the greatest sum of resident memory, from the process's start to its end."""
    build(PROGRAMS, CLASSES)
    folder = fresh(f"flink_{name}")
    (folder / "statements.sql").write_text(statements)
    # Only errors are logged, as everywhere here.
    (folder / "log4j2.properties").write_text("rootLogger.level=ERROR\n")
    path = ":".join(map(str, [CLASSES, *class_path, f"{LIBRARIES}/*"]))
    program = Program(["java", f"-Xmx{HEAP}", "-XX:+UseG1GC", *OPENED, "-Dlog4j2.configurationFile=log4j2.properties",
                       "-cp", path, "FlinkSql", folder / "statements.sql", folder / "checkpoints"], folder)
    seconds, cpu = program.wait()
    fresh(f"flink_{name}")
    return seconds, cpu, program.peak_bytes


def measure(name, events, run):
    """Notes the rate without the start of the virtual machine; returns events per CPU second, or None. `run(events)`: run_once()
    over the first of them."""
    few = round(events * SHORT)
    short = run(few)
    long = run(events)
    seconds, cpu = long[0] - short[0], long[1] - short[1]
    if min(seconds, cpu) <= 0:
        print(f"flink_{name}: {events:,} events are too few to tell the rate from the start", flush=True)
        return None
    noted = note(f"flink_{name}", events=events - few, seconds=seconds, cpu=cpu, peak_bytes=long[2], peer="flink",
                 whole_seconds=round(long[0], 1), whole_cpu_seconds=round(long[1], 1),
                 counted=f"warm: {events:,} events less {few:,}")
    return noted["events_per_cpu_second"]
