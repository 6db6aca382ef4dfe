"""What every sink keeps to."""
import collections
import time

import leat_program

from .contract import LOAD_SECONDS, NOTICE_SECONDS_MAX, Contract, difference
from .load import PushLoad
from .systems.system import WRONG_PASSWORD

BUCKETS = 7
BAD_ROWS = 5
BESIDE_SECONDS_MAX = 5  # a sink beside one that fails is as quick as ever

STREAM = {"from": "events", "columns": {"id": {"type": "text", "required": True},
                                        "k": {"type": "text", "required": True},
                                        "n": {"type": "bigint", "required": True}, "note": "text"}}
VIEWS = {
    "totals": {"query": "SELECT k, count(*) AS members, sum(n)::BIGINT AS total FROM rows GROUP BY k"},
    # Its keys come and go.
    "buckets": {"query": f"SELECT members % {BUCKETS} AS bucket, count(*) AS members, sum(total)::BIGINT AS total "
                         "FROM totals GROUP BY 1"}}


def buckets_of(rows):
    members, totals = collections.Counter(), collections.Counter()
    for row in rows:
        members[row["k"]] += 1
        totals[row["k"]] += row["n"]
    found = {}
    for key, count in members.items():
        bucket = found.setdefault(count % BUCKETS, {"bucket": count % BUCKETS, "members": 0, "total": 0})
        bucket["members"] += 1
        bucket["total"] += totals[key]
    return list(found.values())


class SinkContract(Contract):
    what_it_is = "sink"

    def run(self):
        self.pipeline = self.make_pipeline("first", "first_rows", "first_buckets")
        self.bad_ids = set()
        self.system.make("first_rows")
        self.load = PushLoad(self.port)
        self.starts()
        self.crashes()
        if self.system.refuses:
            self.refuses()
        for kind in self.system.outages:
            self.away(kind)
        if self.system.outages:
            self.slow()
        self.stops()
        self.changes()
        if self.system.signs_in or self.system.missing_words:
            self.needs_a_hand()
        self.case = "load"
        self.check("every push was taken", not self.load.faults, self.load.faults[:3])

    def make_pipeline(self, name, rows, buckets, **settings):
        return self.write_pipeline(name, {
            "topics": {"events": {"partitions": 2}}, "streams": {"rows": STREAM}, "views": VIEWS,
            "sinks": {"tested": {"from": "rows", **self.system.sink(rows, **settings)},
                      "tested_view": {"from": "buckets", **self.system.sink(buckets, keyed=True, **settings)},
                      "beside": {"from": "rows", "file": {"path": str(self.folder / "beside.jsonl")}}}})

    # ---- What must be there

    def good_rows(self):
        return [row for row in self.load.rows if row["id"] not in self.bad_ids]

    def told_of_rows(self, target="first_rows", since=0):
        return difference(self.system.rows(target), self.good_rows()[since:])

    def told_of_view(self, target="first_buckets"):
        return difference(self.system.view_rows(target), buckets_of(self.load.rows))

    def arrives(self, what="every row is there once"):
        self.wait_for(what, self.told_of_rows)
        self.wait_for("the view is there as it is", self.told_of_view)
        self.wait_for("nothing is left to be written", lambda: [
            state for state in map(self.sink_state, ("tested", "tested_view")) if state["lag"] or state["last_error"]])
        letters = collections.Counter(letter["row"]["id"] for letter in self.dead_letters())
        self.check("no good row is among the dead letters", not set(letters) - self.bad_ids,
                   sorted(set(letters) - self.bad_ids)[:5])

    def sink_state(self, name="tested"):
        return self.state_of("sinks", name)

    def beside(self):
        path = self.folder / "beside.jsonl"
        return path.read_bytes().count(b"\n") if path.exists() else 0

    # ---- Cases

    def starts(self):
        with self.in_case("start and batches"), self.running(self.pipeline):
            with self.load:
                time.sleep(LOAD_SECONDS)
                for _ in range(10):
                    self.leat.client.push("events", rows := self.load.take(200))
                    self.load.rows += rows
            self.arrives()
            state = self.sink_state()
            if "batches" in state and self.system.outages:
                self.check("rows go in batches", 0 < state["batches"] < state["rows"] / 2, state)
            self.check("nothing failed", not state.get("failures"), state)

    def refuses(self):
        with self.in_case("rows of a wrong type"), self.running(self.pipeline):
            rows = self.load.take(40)
            for at in range(3, 40, 40 // BAD_ROWS):
                rows[at] = self.system.bad(rows[at])
                self.bad_ids.add(rows[at]["id"])
            with self.load:
                self.leat.client.push("events", rows)
            self.load.rows += rows
            self.arrives("the other rows are there")
            letters = {letter["row"]["id"]: letter for letter in self.dead_letters() if letter["sink"] == "tested"}
            self.check("the dead letters have them", set(letters) == self.bad_ids,
                       sorted(set(letters) ^ self.bad_ids)[:5])
            for letter in letters.values():
                self.check("with the reason", letter["stage"] == "sink" and self.system.refuses in letter["reason"], letter)
            self.check("they are counted", self.sink_state()["refused"] >= BAD_ROWS, self.sink_state())

    def away(self, kind):
        with self.in_case(f"server: {kind}"), self.running(self.pipeline):
            with self.load:
                time.sleep(LOAD_SECONDS / 2)
                with self.outage(kind):
                    began, pushed = time.monotonic(), len(self.load.rows)
                    time.sleep(self.outage_seconds)
                    now = len(self.load.rows)
                    self.check("pushes go on", now > pushed + 20, f"{now} after {pushed} rows")
                    self.wait_for("the sink beside it goes on", lambda: self.beside() < now and
                                  f"{self.beside()} of {now} rows", BESIDE_SECONDS_MAX)
                    self.wait_for("it shows that rows wait", lambda: self.sink_state()["lag"] == 0 and
                                  self.sink_state(), NOTICE_SECONDS_MAX)
                    if kind in ("kill", "cut"):
                        self.wait_for("it shows why", lambda: (
                            self.sink_state()["state"] != "retrying" or not self.sink_state()["last_error"])
                            and self.sink_state(), NOTICE_SECONDS_MAX)
                    self.check("the server is ready all the same", self.leat.is_ready())
                print(f"    away for {time.monotonic() - began:.1f} s", flush=True)
            self.arrives()

    def slow(self):
        with self.in_case("a slow server"), self.running(self.pipeline):
            with self.outage("slow"):
                with self.load:
                    time.sleep(2 * LOAD_SECONDS)
                    now = len(self.load.rows)
                    self.wait_for("the sink beside it goes on", lambda: self.beside() < now and
                                  f"{self.beside()} of {now} rows", BESIDE_SECONDS_MAX)
                self.arrives()

    def changes(self):
        """A stream goes on in the new target where it stood; a view is there as a whole."""
        changed = self.make_pipeline("second", "second_rows", "second_buckets", **self.system.other_batches())
        if self.system.moved_words:
            with self.in_case("another target"):
                ended = leat_program.run("run", changed, "--data", self.folder / "data", "--listen", "127.0.0.1:0")
                self.check("it is told how to go on", ended.returncode == 2 and self.system.moved_words in ended.stderr,
                           f"{ended.returncode} {ended.stderr}")
            return
        since = len(self.good_rows())
        with self.in_case("another target and other batches"), self.running(changed):
            self.wait_for("the view is there as a whole", lambda: self.told_of_view("second_buckets"))
            with self.load:
                time.sleep(LOAD_SECONDS)
            self.wait_for("the rows from then on are there", lambda: self.told_of_rows("second_rows", since))
            self.wait_for("the view is kept", lambda: self.told_of_view("second_buckets"))

    def needs_a_hand(self):
        """A wrong password and a missing target are told of, and delay nobody else."""
        sinks = {"beside": {"from": "rows", "file": {"path": str(self.folder / "third.jsonl")}}}
        if self.system.signs_in:
            sinks["refused"] = {"from": "rows", **self.system.sink("third_rows", password=WRONG_PASSWORD)}
        if self.system.missing_words:
            sinks["missing"] = {"from": "rows", **self.system.sink("missing_rows", create=False)}
        broken = {"topics": {"events": {"partitions": 2}}, "streams": {"rows": STREAM}, "sinks": sinks}
        pipeline = self.write_pipeline("third", broken)
        with self.in_case("a wrong password, a missing target"), self.running(pipeline, "broken"):
            rows = self.load.take(100)
            self.leat.client.push("events", rows)
            for name in set(sinks) - {"beside"}:
                self.wait_for(f"{name}: it is told", lambda: not self.sink_state(name)["last_error"] and
                              self.sink_state(name), NOTICE_SECONDS_MAX)
            self.wait_for("the others go on", lambda: (
                written := (self.folder / "third.jsonl").read_bytes().count(b"\n")) != 100 and f"{written} rows",
                BESIDE_SECONDS_MAX)
            self.check("the password is never told", WRONG_PASSWORD not in self.leat.output() + str(
                self.leat.client.status()) + str(self.leat.client.json("GET", "/v1/pipeline")))
            if self.system.missing_words:
                error = self.sink_state("missing")["last_error"]
                self.check("it says how to make it", self.system.missing_words in error, error)
                self.system.make_missing("missing_rows")
                self.wait_for("once it is made the rows come", lambda: difference(
                    self.system.rows("missing_rows"), rows))
            if self.system.signs_in:
                error = self.sink_state("refused")["last_error"]
                self.check("it says that the password is wrong", any(
                    word in error.lower() for word in ("password", "authent", "sign", "401")), error)
            self.check("nothing is among the dead letters", not self.dead_letters(), self.dead_letters()[:2])
        if self.system.signs_in:
            sinks["refused"] = {"from": "rows", **self.system.sink("third_rows")}
            pipeline = self.write_pipeline("fourth", broken)
            with self.in_case("the right password"), self.running(pipeline, "broken"):
                self.wait_for("the rows come", lambda: difference(self.system.rows("third_rows"), rows))
