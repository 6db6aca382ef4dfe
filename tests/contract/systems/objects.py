"""Objects in an S3-compatible store: as Parquet's sink, and as the source of JSON lines."""
import collections
import json
import xml.etree.ElementTree

from servers.s3 import BUCKET, Versitygw
from servers.server import PASSWORD, USER

from .system import SinkSystem, SourceSystem

ALREADY_THERE = 412


class StoreSystem:
    password_word = "secret_key"

    def __init__(self, folder, server=None):
        super().__init__(folder)
        self.server = server or Versitygw(auth=True)

    def connection(self, password=PASSWORD):
        return {"endpoint": self.server.address(), "access_key": USER, "secret_key": password, "timeout": "5s"}

    def request(self, method, path, body=b"", good=(200,), **options):
        status, _, answer = self.server.client().request(method, path, body, **options)
        if status not in good:
            raise OSError(f"{method} {path}: {status} {answer[:300]!r}")
        return answer

    def keys(self, bucket):
        found, query = [], {"list-type": "2"}
        while True:
            page = xml.etree.ElementTree.fromstring(self.request("GET", f"/{bucket}", query=query))
            for element in page.iter():
                element.tag = element.tag.split("}")[-1]
            found += [content.findtext("Key") for content in page.findall("Contents")]
            if page.findtext("IsTruncated") != "true":
                return found
            query["continuation-token"] = page.findtext("NextContinuationToken")


class ParquetSink(StoreSystem, SinkSystem):
    name = "parquet"

    def sink(self, target, keyed=False, password=PASSWORD, **settings):
        return {"parquet": {"path": f"s3://{BUCKET}/{target}", **self.connection(password), "roll": {"every": "300ms"},
                            **settings}, **({"changes": True} if keyed else {})}

    def other_batches(self):
        return {"roll": {"rows": 100, "every": "1s"}, "compression": "snappy"}

    def stored(self, target, columns):
        """By Arrow's own S3 client and its own reading of Parquet."""
        import pyarrow.dataset
        import pyarrow.fs
        store = pyarrow.fs.S3FileSystem(access_key=USER, secret_key=PASSWORD, scheme="http", region="us-east-1",
                                        endpoint_override="{}:{}".format(*self.server.nodes[0].back))
        dataset = pyarrow.dataset.dataset(f"{BUCKET}/{target}", filesystem=store)
        # Before the first object is whole there is a folder without a file in it, of no schema.
        return dataset.to_table(columns).to_pylist() if dataset.files else []

    def rows(self, target):
        return self.stored(target, ["id", "k", "n", "note"])

    def view_rows(self, target):
        weights = collections.Counter()
        for row in self.stored(target, ["weight", "bucket", "members", "total"]):
            weights[row["bucket"], row["members"], row["total"]] += row["weight"]
        return [dict(zip(("bucket", "members", "total"), row)) for row, weight in weights.items() for _ in range(weight)]


class ObjectsSource(StoreSystem, SourceSystem):
    """Each write is an object; each origin a bucket."""

    name = "objects"
    missing_words = "make the bucket"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.known = {}  # what objects hold, which never changes

    @staticmethod
    def bucket(origin):
        return origin.replace("_", "-")

    def source(self, origin, password=PASSWORD, **settings):
        return {"objects": {"path": f"s3://{self.bucket(origin)}/rows", "format": "json", **self.connection(password),
                            "every": "100ms", **settings}}

    def changed_settings(self):
        return {"every": "300ms", "window": "1h", "match": "*.json"}

    def make(self, origin):
        self.request("PUT", f"/{self.bucket(origin)}")

    def write(self, origin, rows):
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        self.request("PUT", f"/{self.bucket(origin)}/rows/{rows[0]['id']}.json", lines.encode(), (200, ALREADY_THERE),
                     headers={"If-None-Match": "*"})

    def rows(self, origin):
        found = []
        for key in self.keys(self.bucket(origin)):
            path = f"/{self.bucket(origin)}/{key}"
            if path not in self.known:
                self.known[path] = self.request("GET", path).decode().splitlines()
            found += map(json.loads, self.known[path])
        return found
