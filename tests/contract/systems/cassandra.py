"""Cassandra, as a sink. A row is there once by its key, so the table's rows are looked at as they are."""
import struct

from servers.cassandra import Cassandra
from servers.server import PASSWORD, USER

from .system import SinkSystem

KEYSPACE = "contract"
WIDTHS = {4: ">i", 8: ">q"}


def number(raw):
    return None if raw is None else struct.unpack(WIDTHS[len(raw)], raw)[0]


class CassandraSink(SinkSystem):
    name = "cassandra"
    refuses = "n"
    missing_words = "CREATE TABLE"

    def __init__(self, folder):
        super().__init__(folder)
        self.server = Cassandra(auth=True, tls=True)

    def set_up(self):
        self.query(f"CREATE KEYSPACE {KEYSPACE} WITH replication = "
                   "{'class': 'SimpleStrategy', 'replication_factor': 1}")

    def connection(self, password=PASSWORD):
        return {"hosts": [self.server.address()], "username": USER, "password": password, "timeout": "5s",
                "tls": {"ca": str(self.server.certificates.authority)}}

    def sink(self, target, keyed=False, password=PASSWORD, **settings):
        key = {} if keyed else {"partition_key": ["id"]}
        return {"cassandra": {**self.connection(password), "table": f"{KEYSPACE}.{target}", **key, **settings}}

    def query(self, text):
        with self.server.client() as client:
            return client.query(text)

    def make(self, target):
        self.query(f"CREATE TABLE {KEYSPACE}.{target} (id text PRIMARY KEY, k text, n int, note text)")

    make_missing = make

    def rows(self, target):
        return [{"id": row[0].decode(), "k": row[1].decode(), "n": number(row[2]), "note": row[3].decode()}
                for row in self.query(f"SELECT id, k, n, note FROM {KEYSPACE}.{target}")]

    def view_rows(self, target):
        return [dict(zip(("bucket", "members", "total"), map(number, row)))
                for row in self.query(f"SELECT bucket, members, total FROM {KEYSPACE}.{target}")]
