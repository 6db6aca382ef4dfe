#!/usr/bin/env python3
"""What a pipeline says before anything has come in: SQL gives an aggregate without GROUP BY one row then, too."""
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import leat_program  # noqa: E402
from leat_program import Server  # noqa: E402
from patience import patience  # noqa: E402

PIPELINE = """
pipeline: quiet
topics: {events: {}}
streams:
  rows: {from: events, columns: {n: integer, kind: text}}
views:
  totals:     {query: "SELECT count(*) AS rows, sum(n) AS numbers FROM rows"}
  by_kind:    {query: "SELECT kind, count(*) AS rows FROM rows GROUP BY kind"}
  kinds:      {query: "SELECT count(*) AS kinds, coalesce(max(rows), 0) AS most FROM by_kind"}
  of_totals:  {query: "SELECT count(*) AS totals, sum(rows) AS rows FROM totals"}
  many:       {query: "SELECT count(*) AS rows FROM rows HAVING count(*) > 0"}
dashboard:
  - {title: Rows, stat: "SELECT rows FROM totals"}
"""
SINK = """
sinks:
  out: {from: %s, file: {path: "%s", format: csv}%s}
"""
NOTHING = {"totals": [[0, None]], "kinds": [[0, 0]], "of_totals": [[1, 0]], "many": []}
TWO_ROWS = {"totals": [[2, 7]], "kinds": [[1, 2]], "of_totals": [[1, 2]], "many": [[2]]}


def compare(failures, what, client, wanted):
    for view, rows in wanted.items():
        failures.equal(f"{what}: {view}", client.sql(f"SELECT * FROM {view}"), rows)


def sum_of_changes(lines):
    """What is left of rows by their weights."""
    left = {}
    for weight, row in lines:
        text = json.dumps(row)
        left[text] = left.get(text, 0) + weight
    return {json.loads(text)["rows"]: weight for text, weight in left.items() if weight != 0}


def visible_at_once(folder, failures):
    path = folder / "quiet.yaml"
    path.write_text(PIPELINE)
    with Server(path, folder / "data") as server:
        server.wait_ready()
        compare(failures, "at first", server.client, NOTHING)
        panel = server.client.json("GET", "/v1/dashboard")["panels"][0]
        failures.equal("the panel", (panel["rows"], panel["error"]), ([[0]], None))
        tail = subprocess.Popen([leat_program.program(), "tail", "totals", "--server",
                                 f"http://127.0.0.1:{server.port}", "--from-beginning", "--json", "--limit", "3"],
                                stdout=subprocess.PIPE, text=True)
        first = json.loads(tail.stdout.readline())
        failures.equal("a follower's first row", first, {"weight": 1, "row": {"rows": 0, "numbers": None}})
        server.client.push("events", [{"n": 3, "kind": "a"}, {"n": 4, "kind": "a"}])
        server.client.settle()
        compare(failures, "after two rows", server.client, TWO_ROWS)
        changes = [first, *(json.loads(line) for line in tail.communicate(timeout=patience(30))[0].splitlines())]
        failures.equal("a follower's sum", sum_of_changes((c["weight"], c["row"]) for c in changes), {2: 1})
        failures.equal("exit code", server.stop(), 0)
    with Server(path, folder / "data") as server:
        server.wait_ready()
        compare(failures, "after a restart", server.client, TWO_ROWS)


def written_to_sinks(folder, failures):
    path, out = folder / "quiet.yaml", folder / "out.csv"
    path.write_text(PIPELINE + SINK % ("totals", out, ", changes: true"))
    for n in range(2):
        with Server(path, folder / "data") as server:
            server.wait_ready()
            server.client.settle()
            lines = out.read_text().splitlines()
            failures.check(f"start {n}: the row is in the sink once", len(lines) == 2 and "0" in lines[1], lines)
            if n == 1:
                server.client.push("events", {"n": 1, "kind": "a"})
                server.client.settle()
            failures.equal("exit code", server.stop(), 0)
    failures.equal("and is taken back when one has come", len(out.read_text().splitlines()), 4)


def changed_before_input(folder, failures):
    """A pipeline file may be changed freely as long as nothing came in, whatever sinks it has."""
    path, out = folder / "quiet.yaml", folder / "out.csv"
    for query in ("kind", "upper(kind)", "lower(kind)"):
        path.write_text((PIPELINE + SINK % ("rows", out, "")).replace("GROUP BY kind", f"GROUP BY {query}")
                        .replace("SELECT kind", f"SELECT {query} AS kind"))
        with Server(path, folder / "data") as server:
            server.wait_ready()
            server.client.settle()
            compare(failures, query, server.client, NOTHING)
            if query.startswith("lower"):
                server.client.push("events", [{"n": 3, "kind": "a"}, {"n": 4, "kind": "A"}])
                server.client.settle()
                compare(failures, "two rows at last", server.client, TWO_ROWS)
            failures.equal("exit code", server.stop(), 0)
    failures.equal("rows in the sink", len(out.read_text().splitlines()), 3)
    path.write_text(path.read_text().replace("lower(kind)", "upper(kind)"))
    with Server(path, folder / "data") as server:
        server.wait_ready()
        compare(failures, "what the sink does not have", server.client, TWO_ROWS)
        failures.equal("exit code", server.stop(), 0)
    path.write_text(path.read_text().replace("n: integer", "n: bigint"))
    refused = leat_program.run("run", path, "--data", folder / "data", "--listen", "127.0.0.1:0", "--quiet")
    failures.check("but not what it has", refused.returncode == 2 and "pipeline-changed" in refused.stderr,
                   f"{refused.returncode} {refused.stderr}")


if __name__ == "__main__":
    leat_program.run_each(visible_at_once, written_to_sinks, changed_before_input)
