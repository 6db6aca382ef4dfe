"""What every source keeps to."""
import time

from .contract import LOAD_SECONDS, NOTICE_SECONDS_MAX, Contract, difference
from .load import WriteLoad
from .systems.system import WRONG_PASSWORD

PAUSE_SECONDS = {"http": 0.05, "objects": 0.05}  # each pull reads all over again, each look lists all
DELETED = 10

COLUMNS = {"key": {"type": "text", "field": "$key"}, "gone": {"type": "boolean", "field": "$tombstone"}, "id": "text",
           "n": {"type": "bigint", "numbers_from_text": True}}


class SourceContract(Contract):
    what_it_is = "source"

    def __init__(self, system, *others):
        super().__init__(system, *others)
        # Sources of one system may share its server.
        self.origin = f"{type(system).__name__.lower()}_rows"

    def run(self):
        self.pipeline = self.make_pipeline("first")
        self.gone = set()
        self.system.make(self.origin)
        self.load = WriteLoad(self.system, self.origin, PAUSE_SECONDS.get(self.system.name, 0))
        self.system.write(self.origin, rows := self.load.take(100))
        self.load.rows += rows
        self.starts()
        self.crashes()
        for kind in self.system.outages:
            self.away(kind)
        if self.system.outages:
            self.slow()
        self.stops()
        self.changes()
        self.bad_records()
        if self.system.signs_in or self.system.missing_words:
            self.needs_a_hand()

    def make_pipeline(self, name, **settings):
        return self.write_pipeline(name, {
            "sources": {"tested": {**self.system.source(self.origin, **settings), "topic": "incoming"}},
            "topics": {"pushed": {}},
            "streams": {"rows": {"from": "incoming", "columns": COLUMNS},
                        "others": {"from": "pushed", "columns": {"id": "text"}}},
            "views": {"newest": {"from": "rows", "key": "key" if self.system.deletes else "id", **(
                {"deletes": "gone"} if self.system.deletes else {})}},
            "sinks": {"taken": {"from": "rows", "file": {"path": str(self.folder / "taken.jsonl")}}}})

    # ---- What must be there

    def told_of_view(self):
        wanted = [{"id": row["id"], "n": int(row["n"])} for row in self.system.rows(self.origin) if row["n"].isdigit()]
        seen = [dict(zip(("id", "n"), row)) for row in self.leat.client.sql("SELECT id, n FROM newest")]
        return difference(seen, {row["id"]: row for row in wanted}.values())

    def taken(self):
        """Every row that ever came, as the sink of a file keeps it; rows that tell of a delete are left out."""
        path = self.folder / "taken.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if '"gone":true' not in line]

    def told_of_rows(self):
        """Each as often as it was written, which for Kafka may be twice where a broker died."""
        wanted = len(self.system.rows(self.origin)) - len(self.bad()) + len(self.gone)
        got, once = len(self.taken()), len(set(self.taken()))
        if self.system.once and self.system.name != "kafka" and once != got:
            return f"{got - once} rows came twice"
        return got != wanted and f"{got} rows instead of {wanted}" if self.system.once else once != wanted and (
            f"{once} rows instead of {wanted}")

    def bad(self):
        return [row for row in self.system.rows(self.origin) if not row["n"].isdigit()]

    def arrives(self):
        self.wait_for("the view is what the system has", self.told_of_view)
        self.wait_for("each row came " + ("once" if self.system.once else "at least once"), self.told_of_rows)
        letters = [letter for letter in self.dead_letters() if "many" not in letter.get("value", "")]
        self.check("no good row is among the dead letters", not letters, letters[:2])

    def source_state(self, name="tested"):
        return self.state_of("sources", name)

    # ---- Cases

    def starts(self):
        with self.in_case("start and batches"), self.running(self.pipeline):
            self.arrives()
            with self.load:
                time.sleep(LOAD_SECONDS)
            self.arrives()
            if self.system.deletes:
                self.gone = {row["id"] for row in self.load.rows[:DELETED]}
                self.system.delete(self.origin, sorted(self.gone))
                self.arrives()

    def away(self, kind):
        with self.in_case(f"server: {kind}"), self.running(self.pipeline):
            with self.load:
                time.sleep(LOAD_SECONDS / 2)
                with self.outage(kind):
                    time.sleep(self.outage_seconds)
                    if kind in ("kill", "cut"):
                        self.wait_for("it shows why", lambda: not self.source_state()["last_error"] and
                                      self.source_state(), NOTICE_SECONDS_MAX)
                    self.check("others are served", self.leat.client.push("pushed", {"id": "1"})[0] == 200)
                    self.check("the server is ready all the same", self.leat.is_ready())
                    self.check("the pipeline goes on", not self.leat.client.status()["failure"],
                               self.leat.client.status()["failure"])
            self.arrives()
            self.wait_for("the error is gone", lambda: self.source_state()["last_error"], NOTICE_SECONDS_MAX)

    def slow(self):
        with self.in_case("a slow server"), self.running(self.pipeline):
            with self.outage("slow"):
                with self.load:
                    time.sleep(2 * LOAD_SECONDS)
                self.arrives()

    def changes(self):
        changed = self.make_pipeline("second", **self.system.changed_settings())
        with self.in_case("other settings"), self.running(changed):
            with self.load:
                time.sleep(LOAD_SECONDS)
            self.arrives()

    def bad_records(self):
        with self.in_case("records of a wrong type"), self.running(self.pipeline):
            bad = [{**row, "n": f"many, {row['n']}"} for row in self.load.take(5)]
            with self.load:
                self.system.write(self.origin, bad)
            self.arrives()
            self.wait_for("the dead letters have them", lambda: len(self.refused()) < len(bad) and self.refused())
            for letter in self.refused():
                self.check("with the reason", letter["stage"] == "decode" and letter["column"] == "n" and
                           letter["reason"], letter)

    def refused(self):
        return {letter["value"]: letter for letter in self.dead_letters()}.values()

    def broken_pipeline(self, name, sources):
        rows = {f"{source}_rows": {"from": f"{source}_topic", "columns": {"id": "text"}} for source in sources}
        return self.write_pipeline(name, {
            "sources": {source: {**entry, "topic": f"{source}_topic"} for source, entry in sources.items()},
            "topics": {"pushed": {}},
            "streams": {**rows, "others": {"from": "pushed", "columns": {"id": "text"}}},
            "views": {f"{source}_count": {"query": f"SELECT count(DISTINCT id) AS rows FROM {source}_rows"}
                      for source in sources}})

    def count_is(self, source, wanted):
        return self.leat.client.sql(f"SELECT rows FROM {source}_count") != [[wanted]] and self.source_state(source)

    def says_password(self, text):
        self.check("it says that the password is wrong", any(
            word in text.lower() for word in ("password", "authent", "sign", "401")), text)

    def needs_a_hand(self):
        """A wrong password and a missing origin are told of, and stop nobody else."""
        later = f"{self.origin}_later"
        sources = {"refused": self.system.source(self.origin, password=WRONG_PASSWORD)} if self.system.signs_in else {}
        if self.system.missing_words:
            sources["missing"] = self.system.source(later)
        with self.in_case("a wrong password, a missing origin"), \
                self.running(self.broken_pipeline("third", sources), "broken"):
            for name in sources:
                self.wait_for(f"{name}: it is told", lambda: not self.source_state(name)["last_error"] and
                              self.source_state(name), NOTICE_SECONDS_MAX)
            self.check("others are served", self.leat.client.push("pushed", {"id": "1"})[0] == 200)
            self.check("the pipeline goes on", not self.leat.client.status()["failure"])
            self.check("the password is never told", WRONG_PASSWORD not in self.leat.output() + str(
                self.leat.client.status()) + str(self.leat.client.json("GET", "/v1/pipeline")))
            if "refused" in sources:
                self.says_password(self.source_state("refused")["last_error"])
            if "missing" in sources:
                self.is_made(later)
        if "refused" in sources:
            sources["refused"] = self.system.source(self.origin)
            wanted = len({row["id"] for row in self.system.rows(self.origin)})
            with self.in_case("the right password"), self.running(self.broken_pipeline("fourth", sources), "broken"):
                self.wait_for("the rows come", lambda: self.count_is("refused", wanted))

    def is_made(self, later):
        error = self.source_state("missing")["last_error"]
        self.check("it says what is missing", self.system.missing_words in error, error)
        self.system.make(later)
        rows = self.load.take(20)
        self.system.write(later, rows)
        self.wait_for("once it is made its rows come", lambda: self.count_is("missing", len(rows)))
