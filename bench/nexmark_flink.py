"""Nexmark on Flink SQL, by its own public generator and statements, beside ours.

Needs, beside Flink (flink_sql.py), a checkout of github.com/nexmark/nexmark (NEXMARK=FOLDER, default PEERS/nexmark;
measured: commit 6b3646c). Classes are built beside that checkout, never in this tree.
"""

import os
import pathlib
import re

import flink_sql
from measuring import PEERS

CHECKOUT = pathlib.Path(os.environ.get("NEXMARK", PEERS / "nexmark")) / "nexmark-flink" / "src" / "main"
CLASSES = CHECKOUT.parent.parent / "leat-classes"
# Flink can't say q6, q10 writes CSV files there, q13 needs a connector that Flink 2 has no more.
LEFT_OUT = {"q6", "q10", "q13"}


def missing():
    """What has to be laid out first, or None."""
    if not CHECKOUT.is_dir():
        return f"{CHECKOUT} is missing; check out github.com/nexmark/nexmark, and name the folder by NEXMARK"
    return flink_sql.missing()


def build():
    """Its connector, generator and functions; not its own benchmark's runner."""
    parts = ["source", "generator", "model", "udf"]
    sources = [path for part in parts for path in (CHECKOUT / "java/com/github/nexmark/flink" / part).rglob("*.java")
               if path.name != "SideInputGenerator.java"]
    sources += [CHECKOUT / "java/com/github/nexmark/flink" / name
                for name in ("utils/NexmarkUtils.java", "NexmarkConfiguration.java")]
    flink_sql.build(sources, CLASSES)


def statements(query, events, events_per_second):
    """Its tables, views and query, as its own runner fills them in."""
    said = {"TPS": events_per_second, "EVENTS_NUM": events, "PERSON_PROPORTION": 1, "AUCTION_PROPORTION": 3, "BID_PROPORTION": 46,
            "NEXMARK_TABLE": "datagen"}
    texts = [(CHECKOUT / "resources" / "queries" / f"{name}.sql").read_text() for name in ("ddl_gen", "ddl_views", query)]
    text = re.sub("(?m)--.*$", "", "\n".join(texts))
    for name, value in said.items():
        text = text.replace("${" + name + "}", str(value))
    return text


def measure(query, events, events_per_second):
    """Events per CPU second, or None."""
    if query in LEFT_OUT:
        print(f"flink_nexmark_{query}: left out (see bench/nexmark_flink.py)", flush=True)
        return None
    build()
    return flink_sql.measure(f"nexmark_{query}", events, lambda count: flink_sql.run_once(
        query, statements(query, count, events_per_second), [CLASSES, CHECKOUT / "resources"]))
