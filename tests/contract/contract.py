"""What both contracts do to the program: run it on a pipeline, hurt what it speaks to, and wait for what must come."""
import contextlib
import json
import time

import leat_program
from patience import patience

STOP_SECONDS_MAX = 20  # as `leat run` promises
POLL_SECONDS = 0.2
SLOW_MILLISECONDS = 150
CRASHES = 3
LOAD_SECONDS = 1.0
NOTICE_SECONDS_MAX = 12


def canonical(rows):
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


def difference(got, wanted):
    """In words, or nothing when they are the same rows, each as often."""
    got, wanted = canonical(got), canonical(wanted)
    if got == wanted:
        return ""
    missing, surplus = sorted(set(wanted) - set(got)), sorted(set(got) - set(wanted))
    return (f"{len(got)} rows instead of {len(wanted)}; {len(missing)} missing {missing[:3]}, "
            f"{len(surplus)} that should not be {surplus[:3]}")


class Contract:
    """One system under test. Its cases run one after the other, on one data directory unless they say otherwise.

    A sink's contract and a source's set `pipeline` and `load`, and have `arrives`: all that was sent is there.
    """

    def __init__(self, system, folder, failures, outage_seconds):
        self.system, self.failures = system, failures
        self.folder = folder
        self.folder.mkdir()
        self.outage_seconds = outage_seconds
        self.port = leat_program.free_port()
        self.leat = None
        self.case = ""

    def check(self, what, good, detail=""):
        return self.failures.check(f"{self.system.name} {self.what_it_is}, {self.case}: {what}", good, detail)

    @contextlib.contextmanager
    def in_case(self, name):
        """A case that can't go on is one failure; the next ones run all the same."""
        self.case = name
        began = time.monotonic()
        try:
            yield
        except (AssertionError, OSError, KeyError, ValueError, StopIteration) as fault:
            self.check("runs to its end", False, repr(fault))
        print(f"{self.system.name} {self.what_it_is}, {name}: {time.monotonic() - began:.1f} s", flush=True)

    # ---- The program

    def write_pipeline(self, name, content):
        path = self.folder / f"{name}.yaml"
        path.write_text(json.dumps({"pipeline": "contract", **content}, indent=1))  # JSON is YAML
        return path

    @contextlib.contextmanager
    def running(self, pipeline, data="data"):
        """The program; whatever the test forgets to end is killed. `self.leat` is the newest one."""
        self.leat = leat_program.Server(pipeline, self.folder / data, self.port)
        try:
            self.leat.wait_ready()
            yield self.leat
        finally:
            self.leat.kill()

    def crash_and_restart(self, pipeline):
        self.leat.kill()
        self.leat = leat_program.Server(pipeline, self.folder / "data", self.port).wait_ready()

    def stop_in_time(self):
        began = time.monotonic()
        code = self.leat.stop(STOP_SECONDS_MAX + 10)
        took = time.monotonic() - began
        self.check(f"SIGTERM ends it in {took:.1f} s", code == 0 and took < patience(STOP_SECONDS_MAX),
                   f"exit code {code} after {took:.1f} s\n{self.leat.output()[-1500:]}")

    # ---- What it says of itself

    def state_of(self, kind, name):
        return next(state for state in self.leat.client.status()[kind] if state["name"] == name)

    def dead_letters(self):
        return [record["value"] for record in self.leat.client.records("dead_letters")]

    # ---- Waiting

    def wait_for(self, what, told, seconds_max=None):
        """`told` gives nothing once all is well, else what is not."""
        seconds_max = patience(seconds_max or self.system.arrive_seconds_max)
        ends = time.monotonic() + seconds_max
        while True:
            try:
                fault = told()
            except OSError as error:
                fault = repr(error)
            if not fault or time.monotonic() > ends:
                return self.check(what, not fault, f"after {seconds_max} s: {fault}")
            time.sleep(POLL_SECONDS)

    # ---- Cases that a sink and a source share

    def crashes(self):
        with self.in_case("kill -9 under load"), self.running(self.pipeline):
            with self.load:
                for crash in range(CRASHES):
                    time.sleep(0.4 + 0.5 * crash)
                    self.crash_and_restart(self.pipeline)
                time.sleep(0.3)
            self.arrives()

    def stops(self):
        with self.in_case("SIGTERM under load"), contextlib.ExitStack() as last_run:
            with self.load:
                with self.running(self.pipeline):
                    time.sleep(LOAD_SECONDS / 2)
                    self.stop_in_time()
                if self.system.outages:
                    with self.running(self.pipeline), self.outage("stall"):
                        time.sleep(LOAD_SECONDS)
                        self.stop_in_time()
                last_run.enter_context(self.running(self.pipeline))
                time.sleep(LOAD_SECONDS / 2)
            self.arrives()

    # ---- Outages

    @contextlib.contextmanager
    def outage(self, kind):
        """The server is away inside, and back outside."""
        server = self.system.server
        begin, end = {"kill": (server.kill, server.restart), "freeze": (server.freeze, server.thaw),
                      "cut": (server.cut, server.mend), "stall": (server.stall, server.mend),
                      "slow": (lambda: server.slow(SLOW_MILLISECONDS), server.mend)}[kind]
        begin()
        try:
            yield
        finally:
            end()
