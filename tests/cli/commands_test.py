#!/usr/bin/env python3
"""Every command as a user gives it: help, exit codes, formats, a prompt on a terminal."""
import csv
import io
import json
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import leat_program  # noqa: E402
from leat_program import PROJECT, Server, run  # noqa: E402
from patience import patience  # noqa: E402

COMMANDS = [["init"], ["check"], ["test"], ["run"], ["sql"], ["tail"], ["top"], ["topics"], ["explain"], ["mock"],
            ["mock", "random-user"], ["completion"], ["version"]]
ORDERS = [{"id": 1, "ordered_at": "2026-01-01T10:00:00Z", "customer": "Ada", "amount": 12.50},
          {"id": 2, "ordered_at": "2026-01-01T11:00:00Z", "customer": "Bo, \"the\" Ärger", "amount": 3},
          {"id": 1, "ordered_at": "2026-01-02T10:00:00Z", "customer": "Ada", "amount": 20},
          {"id": 3, "ordered_at": "2026-01-02T10:00:00Z", "customer": "Cy", "amount": -1}]
QUERY = "SELECT customer, orders, amount FROM by_customer WHERE customer <> 'Eve' ORDER BY customer"
ESCAPE = "\x1b"
NOBODY = "http://127.0.0.1:1"  # no server listens there


def helps(folder, failures):
    answer = run("--help")
    failures.equal("help: exit code", answer.returncode, 0)
    for command in COMMANDS:
        failures.check(f"help names {command[0]}", command[0] in answer.stdout)
        one = run(*command, "--help")
        name = " ".join(command)
        failures.equal(f"{name} --help: exit code", one.returncode, 0)
        failures.check(f"{name} --help has an example",
                       re.search(r"Examples?:\n.*\bleat ", one.stdout), one.stdout[-500:])
        failures.check(f"{name} --help: no colours without a terminal", ESCAPE not in one.stdout)
    failures.equal("no command: exit code", run().returncode, 2)
    failures.equal("an unknown command: exit code", run("runn").returncode, 2)
    for command in COMMANDS:
        answer = run(*command, "--no-such-option")
        failures.equal(f"{' '.join(command)} --no-such-option: exit code", answer.returncode, 2)


def versions(folder, failures):
    wanted = (PROJECT / "VERSION").read_text().strip()
    for arguments in (["version"], ["--version"]):
        answer = run(*arguments)
        failures.equal(f"{arguments}: exit code", answer.returncode, 0)
        failures.check(f"{arguments}: the version", wanted in answer.stdout, answer.stdout)
    answer = run("version", "--json")
    failures.equal("version --json", json.loads(answer.stdout)["leat"], wanted)


def completions(folder, failures):
    for shell in ("bash", "zsh", "fish"):
        answer = run("completion", shell)
        failures.equal(f"completion {shell}: exit code", answer.returncode, 0)
        script = folder / f"leat.{shell}"
        script.write_text(answer.stdout)
        failures.check(f"completion {shell}: names the commands",
                       all(command[0] in answer.stdout for command in COMMANDS))
        if shutil.which(shell):
            parsed = subprocess.run([shell, "-n", script], capture_output=True, text=True)
            failures.equal(f"completion {shell}: parses", (parsed.returncode, parsed.stderr), (0, ""))
    failures.equal("completion of an unknown shell", run("completion", "cmd").returncode, 2)
    offered = subprocess.run(
        ["bash", "-c", f'source {folder}/leat.bash; COMP_WORDS=(leat expl); COMP_CWORD=1; '
         '"$(complete -p leat | sed "s/.*-F \\([^ ]*\\).*/\\1/")"; echo "${COMPREPLY[@]}"'],
        capture_output=True, text=True).stdout
    failures.equal("bash offers explain", offered.strip(), "explain")


GROWS = """pipeline: grows
topics:
  t: {}
streams:
  s:
    from: t
    columns: {k: text, seen: timestamp}
    event_time: {column: seen}
views:
  v:
    query: SELECT k, count(*) AS n FROM s GROUP BY k
"""
BOUNDED = """SELECT window_start, k, count(*) AS n FROM tumble(s, seen, INTERVAL '1 hour') GROUP BY window_start, k
    retain: 7d"""


def strict_checks(folder, failures):
    grows = folder / "grows.yaml"
    grows.write_text(GROWS)
    answer = run("check", grows)
    failures.check("check: state that grows is said",
                   answer.returncode == 0 and "note[unbounded-state]" in answer.stderr, answer.stderr)
    answer = run("check", "--strict", grows)
    failures.check("check --strict: and refused",
                   answer.returncode == 2 and "grows.yaml:10:3: error[unbounded-state]" in answer.stderr, answer.stderr)
    answer = run("check", "--strict", "--json", grows)
    failures.equal("check --strict --json", (answer.returncode, [one["severity"] for one in json.loads(answer.stdout)]),
                   (2, ["error"]))
    grows.write_text(GROWS.replace("SELECT k, count(*) AS n FROM s GROUP BY k", BOUNDED))
    answer = run("check", "--strict", grows)
    failures.equal("check --strict: state that is bounded", (answer.returncode, answer.stderr), (0, ""))


def checks(folder, failures):
    path = folder / "shop.yaml"
    failures.equal("init: exit code", run("init", path).returncode, 0)
    again = run("init", path)
    failures.equal("init of a file that exists: exit code", again.returncode, 2)
    failures.check("it names the file", "shop.yaml" in again.stderr, again.stderr)
    failures.equal("init in a missing folder: exit code",
                   run("init", folder / "missing" / "a.yaml").returncode, 3)
    answer = run("check", path)
    failures.check("check: no fault", answer.returncode == 0 and "error" not in answer.stderr,
                   answer.stderr)
    bundled = run("check", PROJECT / "pipelines", cwd=PROJECT)
    failures.equal("check of the folder of pipelines", bundled.returncode, 0)
    answer = run("test", path)
    failures.check("the first pipeline's test passes", answer.returncode == 0 and "1 test: 1 passed" in answer.stdout,
                   answer.stdout + answer.stderr)
    answer = run("check", path, "--json")
    failures.equal("check --json: exit code", answer.returncode, 0)
    json.loads(answer.stdout)
    bad = folder / "bad.yaml"
    bad.write_text(path.read_text().replace("sum(amount)", "sum(amuont)"))
    answer = run("check", bad, "--json")
    failures.equal("check --json of a bad file: exit code", answer.returncode, 2)
    found = json.loads(answer.stdout)
    failures.check("check --json of a bad file: line and column",
                   re.search(r'"line": ?\d+', answer.stdout) and "amuont" in answer.stdout, found)
    strict_checks(folder, failures)
    schema = json.loads(run("check", "--schema").stdout)
    failures.check("check --schema is a JSON Schema", "$schema" in schema and "properties" in schema["$defs"]["file"])

    graph = run("explain", path)
    failures.equal("explain: exit code", graph.returncode, 0)
    for name in ("orders", "orders_clean", "latest_orders", "by_customer"):
        failures.check(f"explain names {name}", name in graph.stdout, graph.stdout)
        one = run("explain", path, name)
        failures.check(f"explain {name}", one.returncode == 0 and name in one.stdout, one.stderr)
    failures.equal("explain of an unknown name", run("explain", path, "by_custmer").returncode, 2)


def sql_formats(failures, what, target):
    answer = run("sql", QUERY, *target)
    failures.equal(f"{what}: table: exit code", (answer.returncode, answer.stderr), (0, ""))
    failures.check(f"{what}: table", re.search(r"Ada .*20\.00", answer.stdout)
                   and "2 rows" in answer.stdout and ESCAPE not in answer.stdout, answer.stdout)
    big = run("sql", f"SELECT {2**127 - 1}::HUGEINT AS big", *target)
    failures.check(f"{what}: table: a number of 128 bits", str(2**127 - 1) in big.stdout, big.stdout)
    wanted = [["Ada", 1, 20.0], ["Bo, \"the\" Ärger", 1, 3.0]]
    got = json.loads(run("sql", QUERY, *target, "--format", "json").stdout)
    failures.equal(f"{what}: json", got["rows"], wanted)
    lines = run("sql", QUERY, *target, "--format", "ndjson").stdout.splitlines()
    failures.equal(f"{what}: ndjson", [list(json.loads(line).values()) for line in lines], wanted)
    rows = list(csv.reader(io.StringIO(run("sql", QUERY, *target, "--format", "csv").stdout)))
    failures.equal(f"{what}: csv", rows, [["customer", "orders", "amount"], ["Ada", "1", "20.00"],
                                          ["Bo, \"the\" Ärger", "1", "3.00"]])
    piped = run("sql", *target, "--format", "csv", input=f"{QUERY};\n")
    failures.check(f"{what}: a query by standard input", piped.returncode == 0
                   and "Ada,1,20.00" in piped.stdout, piped.stdout + piped.stderr)
    for query in ("SELECT nothing FROM by_customer", "SELECT 1 FROM by_custmer", "SELEC 1",
                  "DROP TABLE by_customer", "SELECT * FROM read_csv('/etc/passwd')"):
        bad = run("sql", query, *target)
        failures.check(f"{what}: {query}: exit code 2 and why",
                       bad.returncode == 2 and "error[" in bad.stderr, f"{bad.returncode} {bad.stderr}")
    bad = run("sql", QUERY, *target, "--format", "xml")
    failures.equal(f"{what}: an unknown format", bad.returncode, 2)


def topics_and_tails(failures, what, target, count):
    table = run("topics", *target)
    failures.check(f"{what}: topics", table.returncode == 0 and re.search(
        rf"orders +0 +{count} .* 0 +{count - 1}", table.stdout) and ESCAPE not in table.stdout, table.stdout)
    listed = json.loads(run("topics", *target, "--json").stdout)["topics"]
    failures.equal(f"{what}: topics --json", next(t["records"] for t in listed
                                                  if t["name"] == "orders"), count)
    answer = run("tail", "orders", *target, "--from-beginning", "--limit", 3)
    failures.equal(f"{what}: tail of a topic", [json.loads(line) for line in
                                                answer.stdout.splitlines()], ORDERS[:3])
    answer = run("tail", "orders", *target, "--from-beginning", "--limit", 2, "--json")
    failures.equal(f"{what}: tail --json", [json.loads(line)["offset"] for line in
                                            answer.stdout.splitlines()], [0, 1])
    answer = run("tail", "by_customer", *target, "--from-beginning", "--limit", 2)
    failures.check(f"{what}: tail of a view", all(line.startswith("+ {") for line in
                                                  answer.stdout.splitlines())
                   and answer.stdout.count("\n") == 2, answer.stdout)
    answer = run("tail", "dead_letters", *target, "--from-beginning", "--limit", 1, "--json")
    failures.equal(f"{what}: tail of the dead letters",
                   json.loads(answer.stdout)["value"]["expectation"], "positive")
    for slip, meant in (("ordres", "orders"), ("orders_claen", "orders_clean"),
                        ("by_custmer", "by_customer"), ("dead_leters", "dead_letters")):
        bad = run("tail", slip, *target, "--limit", 1)
        failures.check(f"{what}: tail of {slip}", bad.returncode == 2 and slip in bad.stderr
                       and f'did you mean "{meant}"?' in bad.stderr, f"{bad.returncode} {bad.stderr}")


def reading(folder, failures):
    path = folder / "shop.yaml"
    run("init", path)
    with Server(path, folder / "data") as server:
        server.wait_ready()
        for order in ORDERS:
            server.client.push("orders", order)
        server.client.settle()
        url = f"http://127.0.0.1:{server.port}"
        for what, target in (("server", ["--server", url]), ("data in use", ["--data", folder / "data"])):
            sql_formats(failures, what, target)
            topics_and_tails(failures, what, target, len(ORDERS))
        answer = run("sql", QUERY, "--format", "csv", env={**os.environ, "LEAT_SERVER": url})
        failures.check("LEAT_SERVER", "Ada,1,20.00" in answer.stdout, answer.stderr)
        prompt(folder, failures, url)
        follow_live(failures, server, url)
        count = len(server.client.records("orders"))
        failures.equal("exit code", server.stop(), 0)
    at_rest = ["--data", folder / "data"]
    sql_formats(failures, "at rest", at_rest)
    topics_and_tails(failures, "at rest", at_rest, count)
    everything = run("tail", "orders", *at_rest, "--from-beginning")
    failures.equal("at rest: a tail ends after what is there",
                   (everything.returncode, [json.loads(line) for line in everything.stdout.splitlines()][:4]),
                   (0, ORDERS))
    rows = run("tail", "by_customer", *at_rest, "--from-beginning")
    failures.check("at rest: so does a view's", rows.returncode == 0 and '+ {"customer":"Ada"'
                   in rows.stdout, rows.stdout + rows.stderr)
    vain = run("tail", "orders", *at_rest)
    failures.check("at rest: nothing more can come", vain.returncode == 2
                   and "error[at-rest]" in vain.stderr and "--from-beginning" in vain.stderr, vain.stderr)
    for what, command in (("sql", ["sql", "SELECT 1"]), ("topics", ["topics"]),
                          ("tail", ["tail", "orders"])):
        answer = run(*command, "--server", NOBODY)
        failures.equal(f"{what} without a server: exit code", answer.returncode, 3)
        failures.check(f"{what} without a server: the address", "127.0.0.1:1" in answer.stderr,
                       answer.stderr)
        answer = run(*command, "--data", folder / "nothing")
        failures.equal(f"{what} without data: exit code", answer.returncode, 2)
    answer = run("topics", "--json", "--server", NOBODY)
    failures.check("an error as JSON", "code" in json.loads(answer.stderr)["error"], answer.stderr)


EXACT = """
pipeline: exact
streams:
  exact:
    from: numbers
    columns:
      id:     {type: integer}
      price:  {type: "decimal(38, 10)"}
      huge:   {type: hugeint}
      big:    {type: ubigint}
      single: {type: double}
views:
  newest: {from: exact, key: id}
"""


def exact_numbers(folder, failures):
    """A tail prints numbers as the server sent them, however long they are."""
    path = folder / "exact.yaml"
    path.write_text(EXACT)
    sent = ('{"id": 1, "price": 12345678901234567890.1234567890, "huge": %d, "big": %d, "single": 0.1}'
            % (2**127 - 1, 2**64 - 1))
    row = ('{"id":1,"price":12345678901234567890.1234567890,"huge":%d,"big":%d,"single":0.1}'
           % (2**127 - 1, 2**64 - 1))
    with Server(path, folder / "data") as server:
        server.wait_ready()
        server.client.push("numbers", sent)
        server.client.settle()
        tail = ["tail", "--server", f"http://127.0.0.1:{server.port}", "--from-beginning", "--limit", 1]
        for name in ("newest", "exact"):
            failures.equal(f"tail of {name}", run(*tail, name).stdout, f"+ {row}\n")
            failures.equal(f"tail of {name} --json", run(*tail, name, "--json").stdout,
                           f'{{"weight":1,"row":{row}}}\n')
        failures.equal("tail of a topic", run(*tail, "numbers").stdout, sent + "\n")
        whole = run(*tail, "numbers", "--json").stdout
        failures.check("tail of a topic --json", f'"value":{sent}' in whole, whole)
        failures.equal("exit code", server.stop(), 0)


def follow_live(failures, server, url):
    """A tail without --from-beginning gives what comes from now on, of a stream too."""
    tail = subprocess.Popen([leat_program.program(), "tail", "orders_clean", "--server", url,
                             "--limit", "1", "--json"], stdout=subprocess.PIPE, text=True)
    ends = time.monotonic() + patience(20)
    number = 100
    while tail.poll() is None and time.monotonic() < ends:
        number += 1
        server.client.push("orders", {"id": number, "customer": "Eve", "amount": 1})
        time.sleep(0.1)
    tail.kill()
    said = tail.communicate()[0]
    failures.check("a live tail", said.count("\n") == 1 and json.loads(said)["row"]["customer"] == "Eve",
                   said)


class Terminal:
    """The program on a terminal of its own."""

    def __init__(self, *arguments, env):
        self.primary, secondary = pty.openpty()
        self.process = subprocess.Popen([leat_program.program(), *arguments], stdin=secondary,
                                        stdout=secondary, stderr=secondary, env=env, close_fds=True,
                                        start_new_session=True)
        os.close(secondary)
        self.said = ""

    def type(self, text):
        os.write(self.primary, text.encode())

    def wait_for(self, pattern, seconds_max=15):
        ends = time.monotonic() + patience(seconds_max)
        while time.monotonic() < ends:
            if re.search(pattern, self.said):
                return True
            if select.select([self.primary], [], [], 0.2)[0]:
                try:
                    self.said += os.read(self.primary, 65536).decode(errors="replace")
                except OSError:  # it has ended
                    break
        return bool(re.search(pattern, self.said))

    def end(self):
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            os.close(self.primary)


def prompt(folder, failures, url):
    env = {**os.environ, "TERM": "xterm", "XDG_STATE_HOME": str(folder / "state"), "LC_ALL": "C.UTF-8"}
    env.pop("NO_COLOR", None)
    terminal = Terminal("sql", "--server", url, env=env)
    failures.check("the prompt comes", terminal.wait_for("leat> |leat>"), terminal.said)
    terminal.type("SELECT sum(orders) + 40 AS answer FROM by_customer;\n")
    # What is typed before the prompt is there again goes to the terminal's own line editing: a ctrl-d would be lost.
    failures.check("the prompt answers", terminal.wait_for(r"\b42\b[\s\S]*leat>"), terminal.said)
    terminal.type("SELECT nothing;\n")
    failures.check("a fault does not end it", terminal.wait_for(r"error\[[\s\S]*leat>"), terminal.said)
    failures.check("colours on a terminal", ESCAPE + "[" in terminal.said)
    terminal.type("\x04")
    failures.equal("ctrl-d ends it", terminal.end(), 0)
    history = folder / "state" / "leat" / "history"
    failures.check("the history is kept", history.exists() and "answer" in history.read_text(),
                   terminal.said)
    terminal = Terminal("sql", "--server", url, env=env)
    terminal.wait_for("leat>")
    terminal.said = ""
    terminal.type("\x1b[A\x1b[A\n")  # twice up: the first of the two
    failures.check("the history comes back", terminal.wait_for(r"\b42\b[\s\S]*leat>"), terminal.said)
    terminal.type("\x04")
    failures.equal("and it ends", terminal.end(), 0)


def mocks(folder, failures):
    failures.equal("mock of nothing", run("mock").returncode, 2)
    failures.equal("a bad fault", run("mock", "random-user", "--fault", "fire").returncode, 2)
    failures.equal("a bad address", run("mock", "random-user", "--listen", "x").returncode, 2)


TESTS = [helps, versions, completions, checks, reading, exact_numbers, mocks]


def main():
    failures = leat_program.Failures()
    for test in TESTS:
        if len(sys.argv) > 1 and test.__name__ not in sys.argv[1:]:
            continue
        with leat_program.scratch_folder() as folder:
            try:
                test(folder, failures)
            except (AssertionError, ValueError, KeyError, IndexError,
                    subprocess.TimeoutExpired) as fault:
                failures.check(test.__name__, False, repr(fault))
        print(f"{test.__name__}: done", flush=True)
    failures.end()


if __name__ == "__main__":
    main()
