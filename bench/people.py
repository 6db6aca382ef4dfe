"""The rows that the benchmarks of sinks write: people, as flat JSON lines of about 260 bytes."""

import json
import random

EVENTS = 500_000
KEYS = 100_000

# Name and type of each column, as a stream declares them.
COLUMNS = {"id": "uuid", "person": "bigint", "name": "text", "country": "text", "city": "text", "email": "text",
           "age": "integer", "amount": "double", "at": "timestamp"}

# A file's records through the log: the topic `people`, the stream `typed`, the view `newest`; the sink follows.
PIPELINE = """pipeline: bench
sources:
  people_file:
    file: {path: "%s", follow: false}
    topic: {name: people, copy: true}
streams:
  typed:
    from: people
    columns: {""" + ", ".join(f"{name}: {kind}" for name, kind in COLUMNS.items()) + """}
views:
  newest: {from: typed, key: person}
sinks:
  out:
    from: %s
"""


def people_file(folder, events=EVENTS):
    """Each person comes events / KEYS times."""
    chance = random.Random(7)
    path = folder / "people.jsonl"
    with open(path, "w", encoding="utf-8") as file:
        for number in range(events):
            first, last = chance.choice(("Ada", "Zoë", "Émile", "Lin")), f"Name{chance.randrange(9999)}"
            file.write(json.dumps({
                "id": f"{chance.getrandbits(128):032x}"[:8] + f"-0000-4000-8000-{number:012x}",
                "person": number % KEYS, "name": f"{first} {last}", "country": chance.choice("DE FR CH IN US".split()),
                "city": f"City {chance.randrange(500)}", "email": f"{last.lower()}.{number}@example.org",
                "age": chance.randrange(100), "amount": round(chance.random() * 1000, 2),
                "at": f"2026-01-{1 + number % 28:02}T{number % 24:02}:00:{number % 60:02}.250Z",
                "note": "x" * 40}, ensure_ascii=False) + "\n")
    return path


def people(path):
    """The records of such a file."""
    with open(path, encoding="utf-8") as lines:
        yield from map(json.loads, lines)
