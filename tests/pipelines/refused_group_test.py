#!/usr/bin/env python3
"""Rows of views that can't be computed are left out, are told of, and stop nothing: now, or at a replay."""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import leat_program  # noqa: E402
from leat_program import Server  # noqa: E402

PIPELINE = """
pipeline: refusing
topics: {events: {}}
streams:
  rows: {from: events, columns: {kind: text, n: hugeint}}
views:
  totals: {query: "SELECT kind, sum(n) AS total FROM rows GROUP BY kind"}
  tiny:   {query: "SELECT kind, count(*)::TINYINT AS rows FROM rows GROUP BY kind"}
  above:  {query: "SELECT count(*) AS kinds, sum(total::INTEGER) AS total FROM totals"}
"""
MOST = 2**127 - 1


def push(server, *records):
    body = "\n".join('{"kind": "%s", "n": %d}' % record for record in records)
    status, answer = server.client.push("events", body, {"Content-Type": "application/x-ndjson"})
    if status != 200:
        raise AssertionError(answer)
    return server.client.settle()


def compare(failures, what, server, totals, tiny, above):
    ask = server.client.sql
    failures.equal(f"{what}: totals", ask("SELECT kind, total::VARCHAR FROM totals ORDER BY kind"), totals)
    failures.equal(f"{what}: tiny", ask("SELECT kind, rows FROM tiny ORDER BY kind"), tiny)
    failures.equal(f"{what}: above", ask("SELECT * FROM above"), [above])
    failures.equal(f"{what}: no failure", server.client.status()["failure"], None)


def errors(status):
    return {view["name"]: view["last_error"] for view in status["views"]}


def run(folder, failures):
    path = folder / "refusing.yaml"
    path.write_text(PIPELINE)
    with Server(path, folder / "data") as server:
        server.wait_ready()
        status = push(server, ("a", 1), ("b", 2))
        compare(failures, "at first", server, [["a", "1"], ["b", "2"]], [["a", 1], ["b", 1]], [2, 3])
        failures.equal("nothing is refused", set(errors(status).values()), {None})
        status = push(server, ("b", 10**12))
        compare(failures, "a cast that fails on a view's row", server, [["a", "1"], ["b", f"{10**12 + 2}"]],
                [["a", 1], ["b", 2]], [1, 1])
        failures.check("it is told of", "totals" in (errors(status)["above"] or ""), status["views"])
        push(server, *[("b", -1)] * 130)
        compare(failures, "a result that fails", server, [["a", "1"], ["b", f"{10**12 - 128}"]], [["a", 1]], [1, 1])
        push(server, ("b", MOST))
        compare(failures, "a sum that does not fit", server, [["a", "1"]], [["a", 1]], [1, 1])
        push(server, ("a", 4))
        compare(failures, "others go on", server, [["a", "5"]], [["a", 2]], [1, 5])
        told = errors(server.client.status())
        failures.check("each view says why", told["totals"] and told["tiny"] and told["above"], told)
        metrics = server.client.request("GET", "/metrics")[2].decode()
        failures.check("a metric counts them", 'leat_view_refused_total{view="totals"}' in metrics)
        failures.check("the log has the remedy", "view totals: a row can't be computed" in server.output()
                       and "TRY_CAST" in server.output(), server.output()[-1500:])
        server.kill()
    with Server(path, folder / "data") as server:
        server.wait_ready()
        server.client.settle()
        compare(failures, "after a kill", server, [["a", "5"]], [["a", 2]], [1, 5])
        push(server, ("b", -MOST))
        compare(failures, "the sum fits again", server, [["a", "5"], ["b", f"{10**12 - 128}"]], [["a", 2]], [1, 5])
        push(server, ("b", -10**12))
        compare(failures, "and so does the row", server, [["a", "5"], ["b", "-128"]], [["a", 2]], [2, -123])
        failures.equal("exit code", server.stop(), 0)


def main():
    failures = leat_program.Failures()
    with leat_program.scratch_folder() as folder:
        try:
            run(folder, failures)
        except (AssertionError, ValueError, KeyError, IndexError, subprocess.TimeoutExpired) as fault:
            failures.check("run", False, repr(fault))
    failures.end()


if __name__ == "__main__":
    main()
