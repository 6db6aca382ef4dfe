"""Files on our own disk: no server that could fail, and nobody who signs in."""
import collections
import json

from .system import SinkSystem, SourceSystem


class FileSink(SinkSystem):
    name = "file"
    moved_words = "give the sink another name"
    outages = ()
    signs_in = False
    is_tried = False

    def sink(self, target, keyed=False, password=None, **settings):
        return {"file": {"path": str(self.folder / f"{target}.jsonl"), **settings}, **({"changes": True} if keyed else {})}

    def lines(self, target):
        return [json.loads(line) for line in (self.folder / f"{target}.jsonl").read_text().splitlines()]

    def rows(self, target):
        return self.lines(target)

    def view_rows(self, target):
        weights = collections.Counter()
        for line in self.lines(target):
            weights[line["bucket"], line["members"], line["total"]] += line["weight"]
        return [dict(zip(("bucket", "members", "total"), row)) for row, weight in weights.items() for _ in range(weight)]


class FileSource(SourceSystem):
    name = "file"
    outages = ()
    signs_in = False
    is_tried = False

    def source(self, origin, password=None, **settings):
        return {"file": {"path": str(self.folder / f"{origin}*.jsonl"), "follow": True, **settings}}

    def changed_settings(self):
        return {"record_bytes_max": "1MiB"}

    def write(self, origin, rows):
        with open(self.folder / f"{origin}.jsonl", "a") as file:
            file.write("".join(json.dumps(row) + "\n" for row in rows))

    def rows(self, origin):
        return [json.loads(line) for line in (self.folder / f"{origin}.jsonl").read_text().splitlines()]
