"""HTTP: a webhook that takes rows, and an API that gives them, each a process of its own behind a relay."""
import http.client
import json
import pathlib
import sys

from servers.process import Process
from servers.server import PASSWORD, Node, Server, claim_port

from .system import SinkSystem, SourceSystem
from patience import patience

PROGRAM = pathlib.Path(__file__).resolve().parent / "http_server.py"
SECONDS_MAX = 5


class HttpServer(Server):
    """http_server.py, which keeps what it was sent, and gives what is there, in files of one folder."""

    name = title = "http"
    version = environment_name = ""

    def __init__(self, files):
        super().__init__()
        self.files = files
        self.files.mkdir(exist_ok=True)

    @classmethod
    def fetch(cls, may_fetch=True):
        return PROGRAM.parent

    def make_nodes(self):
        front, back = claim_port(), claim_port()
        process = Process([sys.executable, PROGRAM, str(back), self.files, PASSWORD], self.folder / "http.log")
        self.nodes = [Node(process, front=("127.0.0.1", front), back=("127.0.0.1", back))]

    def is_ready(self, node):
        connection = http.client.HTTPConnection(*node.back, timeout=patience(SECONDS_MAX))
        try:
            connection.request("GET", "/well")
            return connection.getresponse().status == 200
        finally:
            connection.close()


class HttpSystem:
    name = "http"

    def __init__(self, folder, server=None):
        super().__init__(folder)
        self.server = server or HttpServer(folder / "http")

    def connection(self, password=PASSWORD):
        return {"headers": {"Authorization": f"Bearer {password}"}, "timeout": "5s"}

    def url(self, path):
        return f"http://{self.server.address()}/{path}"


class HttpSink(HttpSystem, SinkSystem):
    """At least once: rows are told apart by their offsets, as the reference tells receivers to do."""

    refuses = "422"
    is_signed_in_when_tried = False  # only a request with rows would tell

    def sink(self, target, keyed=False, password=PASSWORD, **settings):
        return {"http": {"url": self.url(target), **self.connection(password), "rows_max": 50, "hold_on": [401],
                         **settings}}

    def other_batches(self):
        return {"rows_max": 7}

    def requests(self, target):
        """In the order in which they came."""
        path = self.server.files / f"{target}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def rows(self, target):
        found = {}
        for request in self.requests(target):
            if request["last"] - request["first"] + 1 != len(request["elements"]):
                raise AssertionError(f"a stream's rows follow one another: {request}")
            for at, row in enumerate(request["elements"], request["first"]):
                if found.setdefault((request["partition"], at), row) != row:
                    raise AssertionError(f"another row at {at}: {row} after {found[request['partition'], at]}")
        return list(found.values())

    def view_rows(self, target):
        rows, greatest = {}, -1
        for request in self.requests(target):
            if request["last"] <= greatest:
                continue
            greatest = request["last"]
            for element in request["elements"]:
                rows[element["row"]["bucket"]] = element["row"] if element["op"] == "upsert" else None
        return [row for row in rows.values() if row]


class HttpSource(HttpSystem, SourceSystem):
    once = False
    is_tried = False  # a request would be a pull

    def source(self, origin, password=PASSWORD, **settings):
        return {"http": {"url": self.url(f"{origin}?rows=500"), **self.connection(password), "every": "200ms",
                         "records": "/rows", "paging": {"kind": "page"}, "backoff": {"max": "1s"}, **settings}}

    def changed_settings(self):
        return {"every": "100ms"}

    def write(self, origin, rows):
        with open(self.server.files / f"{origin}.jsonl", "a") as file:
            file.write("".join(json.dumps(row) + "\n" for row in rows))

    def rows(self, origin):
        return [json.loads(line) for line in (self.server.files / f"{origin}.jsonl").read_text().splitlines()]
