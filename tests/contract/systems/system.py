"""What the contracts ask of a system: how to name it in a pipeline, and how to look into it behind Leat's back.

A row of the contracts is a dictionary. Those that sinks write have `id` (text, no two alike), `k` (text), `n` (a whole
number) and `note` (text); the view that they keep has `bucket`, `members` and `total`, all whole numbers, and `bucket` is its
key. Those that sources bring have `id` and `n`, both text.
"""
from servers.server import PASSWORD

WRONG_PASSWORD = "wrong-canary-7391"
TOO_LARGE = 1 << 40  # for the column `n` of a table whose owner thought of 32 bits


class System:
    """To be derived from; what a system has not stays as it is here. Not for two threads at a time."""

    name = None
    server = None  # of tests/servers, started by the test; nothing: files of our own disk
    outages = ("kill", "freeze", "cut", "stall")
    arrive_seconds_max = 40  # after an outage, or at another start
    is_tried = True  # by `leat check --connect`
    is_signed_in_when_tried = True
    password_word = "password"  # as errors call it

    def __init__(self, folder):
        self.folder = folder

    def __enter__(self):
        if self.server:
            self.server.__enter__()
            self.set_up()
        return self

    def __exit__(self, *reason):
        if self.server:
            self.server.__exit__(*reason)
        return False

    def set_up(self):
        """Once, after the server has started."""

    def connection(self, password=PASSWORD):
        """The settings that say where the system is and who comes."""
        raise NotImplementedError


class SinkSystem(System):
    """Gets rows from Leat. `target` names a table, topic, collection or the like."""

    refuses = None  # part of the system's words about a row of `bad`; nothing: it takes every row
    signs_in = True
    missing_words = None  # part of what is said when the target is missing and may not be made
    moved_words = None  # part of what is said to a sink that is sent to another target, where it can't go on there

    def sink(self, target, keyed=False, password=PASSWORD, **settings):
        """The connector's entry of a sink; keyed: for the view."""
        raise NotImplementedError

    def other_batches(self):
        """Settings that make batches of another size, where there are such."""
        return {}

    def make(self, target):
        """A target as its owner would make it, too narrow for the rows of `bad`."""

    def make_missing(self, target):
        """Does what the error's words say."""

    def rows(self, target):
        """All rows that the target holds: each as often as it is there."""
        raise NotImplementedError

    def view_rows(self, target):
        raise NotImplementedError

    def bad(self, row):
        """The row as the system will not take it."""
        return {**row, "n": TOO_LARGE}


class SourceSystem(System):
    """Gives records to Leat."""

    once = True  # Leat promises each record exactly once
    deletes = False  # a row can be taken out again, which Leat notices
    signs_in = True
    missing_words = None

    def source(self, origin, password=PASSWORD, **settings):
        raise NotImplementedError

    def changed_settings(self):
        """Settings that an operator may change between two runs."""
        return {}

    def make(self, origin):
        """An empty table, topic or the like."""

    def write(self, origin, rows):
        """Puts rows in; may raise OSError, and is then called again with the same ones."""
        raise NotImplementedError

    def delete(self, origin, ids):
        raise NotImplementedError

    def rows(self, origin):
        """What the system holds now, each row as often as it is there."""
        raise NotImplementedError
