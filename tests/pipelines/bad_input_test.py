#!/usr/bin/env python3
"""Gives the program what it must refuse: files, pushes, requests. It says why, and goes on."""
import gzip
import http.client
import json
import pathlib
import re
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import leat_program  # noqa: E402
from leat_program import Server  # noqa: E402
from patience import patience  # noqa: E402

PIPELINE = """
pipeline: bad_input
topics: {events: {}}
streams:
  rows:
    from: events
    columns:
      id: {type: bigint, required: true}
      small: tinyint
      whole: integer
      double: double
      price: "decimal(6,2)"
      text: text
      day: date
      uid: uuid
views:
  totals: {query: "SELECT text, count(*) AS rows, sum(whole) AS whole FROM rows GROUP BY text"}
"""

# What is wrong, the file, what the first line of the answer must match beside the place.
FILES = [
    ("not YAML", "pipeline: [a\nstreams: {", ""),
    ("empty", "", ""),
    ("a list", "- a\n- b\n", ""),
    ("tabs", "pipeline: a\n\tstreams: {}\n", ""),
    ("no name", "topics: {a: {}}\n", "pipeline"),
    ("an unknown key", "pipeline: a\ntopcis: {a: {}}\n", "topics"),
    ("an unknown stream", PIPELINE.replace("FROM rows", "FROM row"), "rows"),
    ("an unknown topic", PIPELINE.replace("from: events", "from: event"), "events"),
    ("an unknown column", PIPELINE.replace("sum(whole)", "sum(hole)"), "whole"),
    ("an unknown function", PIPELINE.replace("sum(whole)", "summ(whole)"), "sum"),
    ("an unknown type", PIPELINE.replace("small: tinyint", "small: tinyitn"), "tinyint"),
    ("broken SQL", PIPELINE.replace("GROUP BY text", "GROUP text"), ""),
    ("SQL that writes", PIPELINE.replace("SELECT text, count(*) AS rows, sum(whole) AS whole "
                                         "FROM rows GROUP BY text", "DROP TABLE rows"), ""),
    ("a name twice", PIPELINE.replace("views:\n  totals", "views:\n  rows"), ""),
    ("a key twice", PIPELINE + "topics: {more: {}}\n", ""),
    ("an unknown connector", PIPELINE + "sources: {s: {htpp: {url: 'http://localhost/'}}}\n", "http"),
    ("a bad duration", PIPELINE + "sources: {s: {http: {url: 'http://localhost/', every: 5 parsecs}}}\n",
     ""),
    ("an unset variable", PIPELINE.replace("bad_input", "${LEAT_TEST_IS_NOT_SET}"),
     "LEAT_TEST_IS_NOT_SET"),
    ("an alias bomb", "pipeline: a\n" + "x0: &x0 [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"x{i + 1}: &x{i + 1} [{','.join([f'*x{i}'] * 10)}]\n" for i in range(12)), ""),
    ("great depth", "pipeline: " + "[" * 50_000, ""),
    ("bytes that are no UTF-8", b"pipeline: a\ntopics: {\xff\xfe: {}}\n", ""),
    ("a zero byte", b"pipeline: a\x00b\ntopics: {}\n", ""),
]

JSON = "application/json"
LINES = "application/x-ndjson"
MB = 1 << 20
# body, content type, further headers, status and code that it must be answered with
PUSHES = [
    (b"", JSON, {}, 422, "no-records"),
    (b"   \n ", JSON, {}, 422, "no-records"),
    (b"[]", JSON, {}, 422, "no-records"),
    (b"", LINES, {}, 422, "no-records"),
    (b"\n\n\n", LINES, {}, 422, "no-records"),
    (b"{", JSON, {}, 400, "malformed-json"),
    (b"}", JSON, {}, 400, "malformed-json"),
    (b"[", JSON, {}, 400, "malformed-json"),
    (b"]", JSON, {}, 400, "malformed-json"),
    (b'{"id": 1', JSON, {}, 400, "malformed-json"),
    (b'{"id": 1}}', JSON, {}, 400, "malformed-json"),
    (b'{"id": 1} {"id": 2}', JSON, {}, 400, "malformed-json"),
    (b'{"id": 1,}', JSON, {}, 400, "malformed-json"),
    (b'{"id" 1}', JSON, {}, 400, "malformed-json"),
    (b'{"id": }', JSON, {}, 400, "malformed-json"),
    (b"{id: 1}", JSON, {}, 400, "malformed-json"),
    (b"{'id': 1}", JSON, {}, 400, "malformed-json"),
    (b'[{"id": 1},]', JSON, {}, 400, "malformed-json"),
    (b'[{"id": 1} {"id": 2}]', JSON, {}, 400, "malformed-json"),
    (b'[{"id": 1}, {"id": ]', JSON, {}, 400, "malformed-json"),
    (b'[{"id": 1}] x', JSON, {}, 400, "malformed-json"),
    (b'{"id": 01}', JSON, {}, 400, "malformed-json"),
    (b'{"id": +1}', JSON, {}, 400, "malformed-json"),
    (b'{"id": 1.}', JSON, {}, 400, "malformed-json"),
    (b'{"id": .5}', JSON, {}, 400, "malformed-json"),
    (b'{"id": 1e}', JSON, {}, 400, "malformed-json"),
    (b'{"id": NaN}', JSON, {}, 400, "malformed-json"),
    (b'{"id": Infinity}', JSON, {}, 400, "malformed-json"),
    (b'{"id": 0x10}', JSON, {}, 400, "malformed-json"),
    (b'{"id": True}', JSON, {}, 400, "malformed-json"),
    (b'{"id": tru}', JSON, {}, 400, "malformed-json"),
    (b'{"id": nul}', JSON, {}, 400, "malformed-json"),
    (b'{"text": "abc}', JSON, {}, 400, "malformed-json"),
    (b'{"text": "a\nb"}', JSON, {}, 400, "malformed-json"),
    (b'{"text": "a\x00b"}', JSON, {}, 400, "malformed-json"),
    (b'{"text": "\\x41"}', JSON, {}, 400, "malformed-json"),
    (b'{"text": "\\u12"}', JSON, {}, 400, "malformed-json"),
    (b'{"text": "\\"}', JSON, {}, 400, "malformed-json"),
    (b"// hello\n{}", JSON, {}, 400, "malformed-json"),
    (b"hello", JSON, {}, 400, "malformed-json"),
    (b'{"text": "\xff\xfe"}', JSON, {}, 400, "malformed-json"),
    (b'{"text": "\xc3"}', JSON, {}, 400, "malformed-json"),
    (b'{"text": "\xed\xa0\x80"}', JSON, {}, 400, "malformed-json"),
    (b'{"text": "\xc0\xaf"}', JSON, {}, 400, "malformed-json"),
    (b"\xff\xfe{\x00}\x00", JSON, {}, 400, "malformed-json"),
    (b'{"id": 1}\n{"id": \n{"id": 3}', LINES, {}, 400, "malformed-json"),
    (b'{"id": 1}\n{"id": 2} x\n', LINES, {}, 400, "malformed-json"),
    (b"[" * 100_000, JSON, {}, 400, "malformed-json"),
    (b"[" * 100_000 + b"]" * 100_000, JSON, {}, 400, "malformed-json"),
    (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, JSON, {}, 400, "malformed-json"),
    (b'{"id": 1}', "text/plain", {}, 415, "unsupported-media-type"),
    (b'{"id": 1}', "", {}, 415, "unsupported-media-type"),
    (b'{"id": 1}', JSON, {"Content-Encoding": "br"}, 415, "unsupported-encoding"),
    (b'{"id": 1}', JSON, {"Content-Encoding": "gzip"}, 400, "malformed-encoding"),
    (gzip.compress(b'{"id": 1}')[:-9], JSON, {"Content-Encoding": "gzip"}, 400,
     "malformed-encoding"),
    (b'{"id": 1}', JSON, {"Content-Encoding": "zstd"}, 400, "malformed-encoding"),
    (gzip.compress(bytes(200 * MB)), JSON, {"Content-Encoding": "gzip"}, 413, "body-too-large"),
    (b'{"id": 1}', JSON, {"Idempotency-Key": "x" * 256}, 400, "bad-parameter"),
    (b'{"id": 1}', JSON, {"Leat-Producer-Id": "p"}, 400, "bad-parameter"),
    (b'{"id": 1}', JSON, {"Leat-Producer-Id": "p", "Leat-Sequence": "-1"}, 400, "bad-parameter"),
    (b'{"id": 1}', JSON, {"Leat-Producer-Id": "p", "Leat-Sequence": "9" * 30}, 400,
     "bad-parameter"),
]

# Well-formed JSON that the stream can't take: each is a dead letter that names the column.
LETTERS = [
    (b"null", None), (b"17", None), (b'"text"', None), (b"[[1]]", None), (b"true", None),
    (b"{}", "id"), (b'{"id": null}', "id"), (b'{"id": "1"}', "id"), (b'{"id": 1.5}', "id"),
    (b'{"id": 9223372036854775808}', "id"), (b'{"id": 1e400}', "id"), (b'{"id": [1]}', "id"),
    (b'{"id": {}}', "id"), (b'{"id": true}', "id"),
    (b'{"id": 1, "small": 128}', "small"), (b'{"id": 1, "small": -129}', "small"),
    (b'{"id": 1, "whole": 2147483648}', "whole"),
    (b'{"id": 1, "price": 10000.00}', "price"),
    (b'{"id": 1, "day": "2026-02-30"}', "day"), (b'{"id": 1, "day": "yesterday"}', "day"),
    (b'{"id": 1, "uid": "123"}', "uid"), (b'{"id": 1, "text": 5, "whole": "x"}', "whole"),
    (b'{"id": 1, "double": 1e400}', "double"),
]


def bad_files(folder, failures):
    for number, (what, content, hint) in enumerate(FILES):
        path = folder / f"bad-{number}.yaml"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        for command in ("check", "run"):
            more = ["--data", folder / "data", "--listen", "127.0.0.1:0"] if command == "run" else []
            answer = leat_program.run(command, path, *more, timeout=30)
            said = answer.stdout + answer.stderr
            failures.equal(f"{command}: {what}: exit code", answer.returncode, 2)
            failures.check(f"{command}: {what}: names the place",
                           re.search(rf"{re.escape(str(path))}:\d+:\d+: error\[[a-z0-9-]+\]: \S", said),
                           said[:600])
            failures.check(f"{command}: {what}: helps", hint in said, said[:600])
    failures.check("a refused file makes no data folder", not (folder / "data").exists())
    answer = leat_program.run("check", folder / "missing.yaml")
    failures.equal("a missing file: exit code", answer.returncode, 2)
    failures.check("a missing file: is named", "missing.yaml" in answer.stderr, answer.stderr)


def bad_pushes(folder, failures):
    path = folder / "bad_input.yaml"
    path.write_text(PIPELINE)
    with Server(path, folder / "data") as server:
        client = server.wait_ready().client
        good = 0

        def push_good():
            nonlocal good
            status, answer = client.push("events", {"id": good, "text": "good", "whole": good})
            failures.equal("a good record is taken", status, 200)
            good += 1

        for body, content_type, headers, status, code in PUSHES:
            headers = {"Content-Type": content_type, **headers}
            if not content_type:
                del headers["Content-Type"]
            got, _, answer = client.request("POST", "/v1/topics/events/records", body, headers)
            what = f"{body[:40]!r} {headers}"
            try:
                error = json.loads(answer)["error"]
            except (ValueError, KeyError):
                failures.check(what, False, f"{got} {answer[:300]!r}")
                continue
            failures.equal(what, (got, error["code"]), (status, code))
            failures.check(f"{what}: says something", len(error["message"]) > 10, error)
            push_good()
        too_long(server, failures, push_good)
        unknown_topics(client, failures)
        duplicate_keys(client, failures)
        before = client.settle()["dead_letters"]
        for body, _ in LETTERS:
            failures.equal(f"{body!r} is taken", client.push("events", body)[0], 200)
        broken_requests(server, failures)
        push_good()
        status = client.settle()
        letters = [r["value"] for r in client.records("dead_letters")][before:]
        for (body, column), letter in zip(LETTERS, letters):
            # A record that isn't an object: no column, or that there is no required one.
            wanted = {column} if column else {None, "id", ""}
            failures.check(f"{body!r}: dead letter of column {column}",
                           letter.get("column") in wanted and letter["reason"], letter)
        failures.equal("each is a dead letter", len(letters), len(LETTERS))
        failures.equal("the good records are there", client.sql(
            "SELECT rows, whole FROM totals WHERE text = 'good'"), [[good, sum(range(good))]])
        stream = status["streams"][0]
        failures.equal("the stream adds up", stream["accepted"],
                       stream["out"] + stream["filtered"] + stream["late"] + stream["dead_letters"])
        failures.equal("exit code", server.stop(), 0)


def too_long(server, failures, push_good):
    """100 MB: refused, before or after it was sent."""
    for headers in ({}, {"Expect": "100-continue"}):
        client = leat_program.Client(server.port)
        try:
            status, _, answer = client.request(
                "POST", "/v1/topics/events/records", b'{"text": "' + b"x" * (100 * MB) + b'"}',
                {"Content-Type": JSON, **headers})
            failures.equal("100 MB", (status, json.loads(answer)["error"]["code"]),
                           (413, "body-too-large"))
        except (OSError, http.client.HTTPException):
            failures.check("100 MB: the connection was closed", True)  # while it was being sent
        client.close()
        push_good()
    # An element above a record's bound, in a body below a body's.
    status, answer = server.client.push("events", b'{"text": "' + b"y" * (30 * MB) + b'"}')
    failures.check("30 MB: taken, or refused as too large", status == 200 or (
        status == 413 and answer["error"]["code"] == "record-too-large"), (status, answer))


def unknown_topics(client, failures):
    for topic, hint in (("event", "events"), ("nothing", ""), ("..%2f..%2fetc", "")):
        status, answer = client.push(topic, {"id": 1})
        failures.equal(f"topic {topic}", (status, answer["error"]["code"]), (404, "unknown-topic"))
        failures.check(f"topic {topic}: helps", hint in answer["error"]["message"], answer)
    failures.equal("a topic with a zero byte", client.push("a%00b", {"id": 1})[0], 400)


def duplicate_keys(client, failures):
    """Legal JSON; the program takes it, and what it takes is one of the two."""
    failures.equal("duplicate keys", client.push("events", b'{"id": 1, "id": 2, "text": "twice"}')[0],
                   200)
    client.settle()
    rows = client.sql("SELECT rows FROM totals WHERE text = 'twice'")
    failures.check("duplicate keys: a row or a dead letter", rows in ([[1]], []), rows)


def broken_requests(server, failures):
    """Bytes that are no request get an answer or a closed connection."""
    for request in (b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
                    b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
                    b"POST /v1/topics/events/records HTTP/1.1\r\nHost: localhost\r\n"
                    b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
                    b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
                    b"POST /v1/topics/events/records HTTP/1.1\r\nHost: localhost\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"):
        with socket.create_connection(("127.0.0.1", server.port), timeout=patience(15)) as connection:
            try:
                connection.sendall(request)
                answer = connection.recv(4096)
            except ConnectionError:
                answer = b""
            failures.check(f"{request[:40]!r} is refused",
                           answer == b"" or re.match(rb"HTTP/1\.1 [45]\d\d ", answer), answer[:200])


def main():
    failures = leat_program.Failures()
    for test in (bad_files, bad_pushes):
        with leat_program.scratch_folder() as folder:
            try:
                test(folder, failures)
            except AssertionError as fault:
                failures.check(test.__name__, False, fault)
    print(f"{len(PUSHES)} malformed bodies, {len(LETTERS)} refused records, {len(FILES)} files")
    failures.end()


if __name__ == "__main__":
    main()
