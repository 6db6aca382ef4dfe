"""PostgreSQL, as a sink, and as a source by its changes and by polling."""
from servers.postgresql import PostgreSql
from servers.server import PASSWORD, USER

from .system import SinkSystem, SourceSystem


def quoted(value):
    return "'" + str(value).replace("'", "''") + "'"


class PostgreSqlSystem:
    name = "postgresql"

    def __init__(self, folder, server=None):
        super().__init__(folder)
        self.server = server or PostgreSql(auth=True)

    def connection(self, password=PASSWORD):
        host, port = self.server.nodes[0].front
        return {"uri": f"postgresql://{USER}:{password}@{host}:{port}/{USER}", "timeout": "20s"}

    def query(self, text):
        with self.server.client() as client:
            return client.query(text)

    def query_as_owner(self, text):
        self.query(f"SET ROLE {USER}; {text}")


class PostgreSqlSink(PostgreSqlSystem, SinkSystem):
    refuses = "out of range"
    missing_words = "CREATE TABLE"

    def sink(self, target, keyed=False, password=PASSWORD, **settings):
        return {"postgresql": {**self.connection(password), "table": target, **settings}}

    def make(self, target):
        self.query_as_owner(f"CREATE TABLE {target} (id text, k text, n integer, note text)")

    make_missing = make

    def rows(self, target):
        return [{"id": row[0], "k": row[1], "n": int(row[2]), "note": row[3]}
                for row in self.query(f"SELECT id, k, n, note FROM {target}")]

    def view_rows(self, target):
        return [dict(zip(("bucket", "members", "total"), map(int, row)))
                for row in self.query(f"SELECT bucket, members, total FROM {target}")]


class PostgreSqlTables(PostgreSqlSystem, SourceSystem):
    missing_words = "no table"

    def make(self, origin):
        self.query_as_owner(f"CREATE TABLE {origin} (id text PRIMARY KEY, n text, place bigserial)")

    def write(self, origin, rows):
        values = ", ".join(f"({quoted(row['id'])}, {quoted(row['n'])})" for row in rows)
        self.query(f"INSERT INTO {origin} (id, n) VALUES {values} ON CONFLICT DO NOTHING")

    def delete(self, origin, ids):
        self.query(f"DELETE FROM {origin} WHERE id IN ({', '.join(map(quoted, ids))})")

    def rows(self, origin):
        return [{"id": row[0], "n": row[1]} for row in self.query(f"SELECT id, n FROM {origin}")]


class PostgreSqlChanges(PostgreSqlTables):
    deletes = True

    def source(self, origin, password=PASSWORD, **settings):
        return {"postgresql": {**self.connection(password), "tables": [origin], "slot": f"leat_{origin}", **settings}}

    def changed_settings(self):
        return {"lag_warn": "2GiB"}


class PostgreSqlPolled(PostgreSqlTables):
    def source(self, origin, password=PASSWORD, **settings):
        poll = {"column": "place", "every": "100ms", **settings}
        return {"postgresql": {**self.connection(password), "tables": [origin], "poll": poll}}

    def changed_settings(self):
        return {"rows_max": 7}
