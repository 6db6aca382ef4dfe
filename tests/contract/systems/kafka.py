"""Kafka, as a sink and as a source. Looked into by kcat, which reads committed messages only."""
import json
import shutil
import subprocess

from servers.downloads import Unavailable
from servers.kafka import Kafka
from servers.server import PASSWORD, USER

from .system import SinkSystem, SourceSystem
from patience import patience

KCAT_SECONDS_MAX = 15
MESSAGE_BYTES_MAX = 20_000


class KafkaSystem:
    name = "kafka"

    def __init__(self, folder, server=None):
        super().__init__(folder)
        self.server = server or Kafka(auth=True)
        if not shutil.which("kcat"):
            raise Unavailable("there is no kcat to read topics with; run: scripts/setup test")

    def connection(self, password=PASSWORD):
        return {"brokers": [self.server.address()],
                "sasl": {"mechanism": "PLAIN", "user": USER, "password": password}}

    def kcat(self, *arguments, text=None):
        """By the brokers' own listener, which no relay stands in front of and nobody signs in to."""
        address = self.server.describe()["unsecured_addresses"][0]
        try:
            done = subprocess.run(["kcat", "-b", address, "-q", *arguments], input=text, capture_output=True, text=True,
                                  timeout=patience(KCAT_SECONDS_MAX))
        except subprocess.TimeoutExpired as late:
            raise OSError(str(late)) from None
        if done.returncode:
            raise OSError(done.stderr.strip())
        return done.stdout

    def messages(self, topic):
        """(key, value) of each, partition by partition; a value of None is a tombstone."""
        said = self.kcat("-C", "-t", topic, "-o", "beginning", "-e", "-J")
        found = [json.loads(line) for line in said.splitlines()]
        return [(one["key"], one["payload"]) for one in sorted(found, key=lambda one: (one["partition"], one["offset"]))]


class KafkaSink(KafkaSystem, SinkSystem):
    refuses = "max.message.bytes"
    missing_words = "kafka-topics"

    def sink(self, target, keyed=False, password=PASSWORD, **settings):
        limits = {} if settings.get("create") is False else {"topic_settings": {"max.message.bytes": MESSAGE_BYTES_MAX}}
        return {"kafka": {**self.connection(password), "topic": target, **limits, **settings}}

    def other_batches(self):
        return {"settings": {"batch.num.messages": 20}}

    def make_missing(self, target):
        self.kcat("-L", "-t", target)  # asking for a topic makes it here

    def bad(self, row):
        return {**row, "note": "x" * (2 * MESSAGE_BYTES_MAX)}

    def rows(self, target):
        return [json.loads(value) for _, value in self.messages(target)]

    def view_rows(self, target):
        newest = dict(self.messages(target))
        return [json.loads(value) for value in newest.values() if value is not None]


class KafkaSource(KafkaSystem, SourceSystem):
    missing_words = "no topic"

    def source(self, origin, password=PASSWORD, **settings):
        return {"kafka": {**self.connection(password), "topics": [origin], "discover_every": "1s", **settings}}

    def changed_settings(self):
        return {"settings": {"fetch.message.max.bytes": 2000}}

    def make(self, origin):
        self.kcat("-L", "-t", origin)

    def write(self, origin, rows):
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        self.kcat("-P", "-t", origin, "-X", "message.timeout.ms=10000", text=lines)

    def rows(self, origin):
        return [json.loads(value) for _, value in self.messages(origin)]
