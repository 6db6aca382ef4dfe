#!/usr/bin/env python3
"""The source nexmark: columns that are made from events' numbers are those that are read from their JSON."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import leat_program  # noqa: E402

EVENTS = 20_000
PIPELINE = """
pipeline: auctions
sources:
  house:
    nexmark: {count: %d, partitions: 2, rate: 0, seed: test, records: %s}
    topic: events
streams:
  bids:
    from: events
    columns:
      event_type: integer
      auction: {at: /bid/auction, type: bigint}
      price: {at: /bid/price, type: bigint}
      url: {at: /bid/url, type: text, required: true}
      bid_at: {at: /bid/dateTime, type: timestamptz, unit: ms}
      number: {field: $offset, type: bigint}
    select: SELECT auction, price, url, bid_at, number WHERE event_type = 2 AND price > 1000
    event_time: {column: bid_at, delay: 1s}
  auctions:
    from: events
    columns: {id: {at: /auction/id, type: bigint}, item: {at: /auction/itemName, type: text}}
    select: SELECT id, item WHERE id IS NOT NULL
  cities:
    from: events
    columns: {city: {at: /person/city, type: text, default: nowhere}}
views:
  best: {query: "SELECT a.item, max(b.price) AS price FROM bids b JOIN auctions a ON a.id = b.auction GROUP BY a.item"}
  by_city: {query: "SELECT city, count(*) AS events FROM cities GROUP BY city"}
sinks:
  bids: {from: bids, file: {path: bids.csv}}
  best: {from: best, changes: true, file: {path: best.csv}}
  by_city: {from: by_city, changes: true, file: {path: by_city.csv}}
"""


def sums(path):
    """Rows of a file of changes with their weights, added up; those of a stream as they stand."""
    header, *lines = path.read_text().splitlines()
    if not header.startswith("weight"):
        return sorted(lines)
    left = {}
    for line in lines:
        weight, row = line.split(",", 1)
        left[row] = left.get(row, 0) + int(weight)
    return sorted(row for row, weight in left.items() if weight)


def test_both_forms(folder, failures):
    found = {}
    for records in ("json", "columns"):
        working = folder / records
        working.mkdir()
        path = working / "auctions.yaml"
        path.write_text(PIPELINE % (EVENTS, records))
        ran = leat_program.run("run", path, "--once", "--data", working / "data", cwd=working)
        failures.equal(f"{records}: it ends", ran.returncode, 0)
        found[records] = {name: sums(working / f"{name}.csv") for name in ("bids", "best", "by_city")}
    for name, wanted in found["json"].items():
        failures.check(f"{name} has rows", len(wanted) > 5, wanted)
        failures.check(f"{name} is alike", found["columns"][name] == wanted,
                       sorted(set(wanted) ^ set(found["columns"][name]))[:4])


def test_check_names_the_place(folder, failures):
    path = folder / "wrong.yaml"
    path.write_text((PIPELINE % (EVENTS, "columns")).replace("/bid/url", "/bid/uri"))
    told = leat_program.run("check", path)
    failures.equal("a field that there is not", told.returncode, 2)
    failures.check("is told at its place", ":14:" in told.stderr and "/bid/url" in told.stderr, told.stderr)


if __name__ == "__main__":
    leat_program.run_each(test_both_forms, test_check_names_the_place)
