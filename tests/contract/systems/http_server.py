#!/usr/bin/env python3
"""A webhook and an API in one small server: POST /NAME adds a line to FOLDER/NAME.jsonl, GET /NAME gives its lines in pages.

usage: http_server.py PORT FOLDER TOKEN

Whoever comes without the token is refused with 401; a row whose `n` does not fit into 32 bits with 422, and all of its request.
What was answered with 200 is on disk. Neither keeps anything in memory, so that it can be killed at any time.
"""
import http.server
import json
import os
import pathlib
import sys
import urllib.parse

NUMBER_MAX = (1 << 31) - 1


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder = token = None

    def do_GET(self):
        target = urllib.parse.urlparse(self.path)
        if target.path == "/well":
            return self.answer(200, {})
        if not self.may_come():
            return self.answer(401, {"error": "who are you?"})
        path = self.folder / f"{target.path.strip('/')}.jsonl"
        if not path.exists():
            return self.answer(404, {"error": "there is no such collection"})
        asked = dict(urllib.parse.parse_qsl(target.query))
        size, page = int(asked["rows"]), int(asked["page"])
        lines = path.read_text().split("\n")[:-1]  # the last one may be half written
        return self.answer(200, {"rows": [json.loads(line) for line in lines[(page - 1) * size:page * size]]})

    def do_POST(self):
        elements = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.may_come():
            return self.answer(401, {"error": "who are you?"})
        rows = [element.get("row", element) for element in elements]
        too_large = next((row["n"] for row in rows if row.get("n", 0) > NUMBER_MAX), None)
        if too_large:
            return self.answer(422, {"error": f"n is {too_large}, which is too large"})
        request = {"partition": int(self.headers["Leat-Partition"]), "first": int(self.headers["Leat-First-Offset"]),
                   "last": int(self.headers["Leat-Last-Offset"]), "elements": elements}
        with open(self.folder / f"{self.path.strip('/')}.jsonl", "ab", buffering=0) as file:
            file.write(json.dumps(request).encode() + b"\n")
            os.fdatasync(file.fileno())
        return self.answer(200, {})

    def may_come(self):
        return self.headers["Authorization"] == f"Bearer {self.token}"

    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Quiet(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):  # whoever asked has gone
        pass


def main():
    Handler.folder, Handler.token = pathlib.Path(sys.argv[2]), sys.argv[3]
    Quiet(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()


if __name__ == "__main__":
    main()
