"""MongoDB, as a sink, and as a source by change streams."""
from servers.mongodb import MongoDb
from servers.server import PASSWORD, USER

from .system import SinkSystem, SourceSystem

DATABASE = "contract"
DUPLICATE_KEY = "11000"
ONE_BATCH = 1 << 20


class MongoDbSystem:
    name = "mongodb"

    def __init__(self, folder, server=None):
        super().__init__(folder)
        self.server = server or MongoDb(auth=True)

    def connection(self, password=PASSWORD):
        return {"uri": self.server.address().replace(f":{PASSWORD}@", f":{password}@"), "timeout": "20s"}

    def command(self, **command):
        with self.server.client() as client:
            return client.command(DATABASE, **command)

    def documents(self, collection):
        found = []
        with self.server.client() as client:
            cursor = client.command(DATABASE, find=collection, batchSize=ONE_BATCH)["cursor"]
            found += cursor["firstBatch"]
            while cursor["id"]:
                cursor = client.command(DATABASE, getMore=cursor["id"], collection=collection)["cursor"]
                found += cursor["nextBatch"]
        return found


class MongoDbSink(MongoDbSystem, SinkSystem):
    refuses = "failed validation"
    missing_words = "createCollection"

    def sink(self, target, keyed=False, password=PASSWORD, **settings):
        return {"mongodb": {**self.connection(password), "collection": f"{DATABASE}.{target}", **settings}}

    def make(self, target):
        self.command(create=target, validator={"n": {"$lt": 1 << 31}})

    make_missing = make

    def rows(self, target):
        return [{name: document[name] for name in ("id", "k", "n", "note")} for document in self.documents(target)]

    def view_rows(self, target):
        return [{name: document[name] for name in ("bucket", "members", "total")}
                for document in self.documents(target)]


class MongoDbTransactions(MongoDbSink):
    """Rows and position in one transaction, over TLS."""

    # A transaction that a stalled network leaves behind is ended by the server after a minute.
    arrive_seconds_max = 90

    def __init__(self, folder, server=None):
        super().__init__(folder, server or MongoDb(auth=True, tls=True))

    def sink(self, target, keyed=False, password=PASSWORD, **settings):
        return super().sink(target, keyed, password, transactions=True, **settings)


class MongoDbSource(MongoDbSystem, SourceSystem):
    deletes = True

    def source(self, origin, password=PASSWORD, **settings):
        return {"mongodb": {**self.connection(password), "collection": f"{DATABASE}.{origin}", **settings}}

    def changed_settings(self):
        return {"json": "extended"}

    def make(self, origin):
        self.command(create=origin)

    def write(self, origin, rows):
        documents = [{"_id": row["id"], **row} for row in rows]
        try:
            self.command(insert=origin, documents=documents, ordered=False, writeConcern={"w": "majority"})
        except OSError as refused:
            if not str(refused).startswith(DUPLICATE_KEY):  # it was written, only the answer got lost
                raise

    def delete(self, origin, ids):
        self.command(delete=origin, deletes=[{"q": {"_id": {"$in": ids}}, "limit": 0}])

    def rows(self, origin):
        return [{"id": document["id"], "n": document["n"]} for document in self.documents(origin)]
