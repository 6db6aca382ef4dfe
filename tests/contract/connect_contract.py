"""`leat check --connect` beside every system: what is well, what is wrong, and how to mend it."""
import json

import leat_program

from .contract import Contract
from .systems.system import WRONG_PASSWORD

WELL, FAULT_OF_THE_USER, UNREACHABLE = 0, 2, 3
STREAM = {"from": "events", "columns": {"id": "text", "k": "text", "n": "bigint", "note": "text"}}


class ConnectContract(Contract):
    """Of a sink or a source, as the entry says that `entry` makes; target: a table, topic or the like."""

    def __init__(self, system, role, *others):
        super().__init__(system, *others)
        self.role = role
        self.what_it_is = f"{role}, check --connect"

    def pipeline(self, name, target, **settings):
        if self.role == "sink":
            return self.write_pipeline(name, {
                "topics": {"events": {}}, "streams": {"rows": STREAM},
                "sinks": {"tested": {"from": "rows", **self.system.sink(target, **settings)}}})
        return self.write_pipeline(name, {
            "sources": {"tested": {**self.system.source(target, **settings), "topic": "incoming"}},
            "streams": {"rows": {"from": "incoming", "columns": {"id": "text"}}},
            "views": {"newest": {"from": "rows", "key": "id"}}})

    def expect(self, what, pipeline, code, *words):
        """Runs it as a person reads it, and as a program does."""
        answer = leat_program.run("check", "--connect", pipeline)
        said = answer.stdout + answer.stderr
        self.check(f"{what}: exit code {code}", answer.returncode == code, f"{answer.returncode}\n{said}")
        missing = [word for word in words if word.lower() not in said.lower()]
        self.check(f"{what}: it says so", not missing, f"{missing} not in {said}")
        self.check(f"{what}: no password is told", WRONG_PASSWORD not in said, said)
        answer = leat_program.run("check", "--connect", "--json", pipeline)
        tried = json.loads(answer.stdout)
        self.check(f"{what}: --json", answer.returncode == code and len(tried) == 1 and
                   tried[0]["ready"] == (code == WELL) and tried[0]["role"] == self.role and
                   tried[0]["connector"] == self.system.name and (code == WELL or tried[0]["code"]), tried)

    def run(self):
        if not self.system.is_tried:
            return
        target = f"connected_{type(self.system).__name__.lower()}"
        self.system.make(target)
        with self.in_case("all is well"):
            self.expect("well", self.pipeline("well", target), WELL, "ok", "tested")
        if self.system.is_signed_in_when_tried:
            with self.in_case("a wrong password"):
                self.expect("wrong", self.pipeline("wrong", target, password=WRONG_PASSWORD), FAULT_OF_THE_USER,
                            "failed", self.system.password_word)
        if self.system.missing_words:
            with self.in_case("a missing target"):
                settings = {"create": False} if self.role == "sink" else {}
                self.expect("missing", self.pipeline("missing", f"absent_{self.role}_rows", **settings),
                            FAULT_OF_THE_USER, "failed", self.system.missing_words)
        if self.system.outages:
            with self.in_case("nobody there"), self.outage("cut"):
                self.expect("away", self.pipeline("well", target), UNREACHABLE, "failed",
                            self.system.server.address().split("//")[-1].rsplit("@")[-1][:9])
