#!/usr/bin/env python3
"""Each real server starts, does its work, survives what tests do to it, and leaves nothing behind.

usage: servers_test.py [kafka|cassandra|mongodb|postgresql|s3]…
"""
import contextlib
import json
import os
import pathlib
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from leat_program import Failures  # noqa: E402
from servers import downloads  # noqa: E402
from servers.cassandra import Cassandra  # noqa: E402
from servers.cassandra_client import CassandraClient  # noqa: E402
from servers.kafka import Kafka  # noqa: E402
from servers.kafka_client import KafkaClient  # noqa: E402
from servers.mongodb import MongoDb  # noqa: E402
from servers.mongodb_client import MongoDbClient  # noqa: E402
from servers.postgresql import PostgreSql  # noqa: E402
from servers.postgresql_client import PostgreSqlClient  # noqa: E402
from servers.process import is_running, parents, wait_until  # noqa: E402
from servers.relay import Relay  # noqa: E402
from servers.s3 import BUCKET, Versitygw  # noqa: E402
from servers.s3_client import S3Client  # noqa: E402
from servers.server import PASSWORD, USER, claim_port  # noqa: E402

SERVE = pathlib.Path(__file__).resolve().parent / "serve"
WELL_SECONDS = 15  # for an answer of a server that is well
FROZEN_SECONDS = 1
SETTLE_SECONDS_MAX = 60
SLOW_MILLISECONDS = 150
TIMEOUTS = (TimeoutError, socket.timeout)  # two names for one, from Python 3.10 on


# ---- One exchange a system, through its relay: writes a value, gives all values

def kafka_values(server, seconds, new=None):
    with KafkaClient(*server.nodes[0].front, timeout=seconds) as client:
        wait_until(lambda: client.leader("values"), seconds, "a leader")
        if new:
            client.produce("values", new.encode())
        return [value.decode() for value in client.fetch("values")]


def cassandra_values(server, seconds, new=None):
    with CassandraClient(*server.nodes[0].front, timeout=seconds) as client:
        if new:
            client.query("CREATE KEYSPACE IF NOT EXISTS test WITH replication = "
                         "{'class': 'SimpleStrategy', 'replication_factor': 1}")
            client.query("CREATE TABLE IF NOT EXISTS test.found (value text PRIMARY KEY)")
            client.query(f"INSERT INTO test.found (value) VALUES ('{new}')")
        return [row[0].decode() for row in client.query("SELECT value FROM test.found")]


def mongodb_values(server, seconds, new=None):
    with MongoDbClient(*server.nodes[0].front, timeout=seconds) as client:
        if new:
            client.command("test", insert="found", documents=[{"_id": new}], writeConcern={"w": "majority"})
        return [document["_id"] for document in client.command("test", find="found")["cursor"]["firstBatch"]]


def postgresql_values(server, seconds, new=None):
    with PostgreSqlClient(server.nodes[0].front, USER, USER, timeout=seconds) as client:
        if new:
            client.query("CREATE TABLE IF NOT EXISTS found (value text)")
            client.query(f"INSERT INTO found VALUES ('{new}')")
        return [row[0] for row in client.query("SELECT value FROM found")]


def s3_values(server, seconds, new=None):
    client = S3Client(server.address(), USER, PASSWORD, timeout=seconds)
    if new:
        status, _, answer = client.request("PUT", f"/{BUCKET}/found", new.encode())
        if status != 200:
            raise OSError(f"{status} {answer!r}")
    return [client.request("GET", f"/{BUCKET}/found")[2].decode()]


SERVERS = {"kafka": (Kafka, kafka_values), "postgresql": (PostgreSql, postgresql_values),
           "mongodb": (MongoDb, mongodb_values), "s3": (Versitygw, s3_values),
           "cassandra": (Cassandra, cassandra_values)}


def fails(exchange, server, seconds):
    """How a short exchange fails, or nothing when it does not."""
    try:
        exchange(server, seconds)
    except OSError as error:
        return error
    return None


def listening_addresses(pids):
    """The addresses at which the processes listen for TCP, in /proc's writing."""
    inodes = set()
    for pid in pids:
        for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                inodes.add(os.readlink(link))
    found = set()
    for table in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in inodes:
                found.add(words[1].partition(":")[0])
    return found


def is_loopback(address):
    """127.x.y.z, as IPv4 or within IPv6; /proc writes the bytes of each 32 bits backwards."""
    return address.endswith("7F") and address[:-8] in ("", "0000000000000000FFFF0000") or \
        address == "00000000000000000000000001000000"


def torment(failures, name):
    kind, exchange = SERVERS[name]
    with kind(may_fetch=False) as server:
        check = lambda what, good, detail="": failures.check(f"{name} {what}", good, detail)  # noqa: E731
        pid, folder = server.nodes[0].process.pid, server.folder
        failures.equal(f"{name} answers", exchange(server, WELL_SECONDS, "first"), ["first"])
        addresses = listening_addresses([pid])
        check("listens on loopback alone", addresses and all(map(is_loopback, addresses)), addresses)
        server.freeze()
        error = fails(exchange, server, FROZEN_SECONDS)
        check("is silent when frozen", isinstance(error, TIMEOUTS), repr(error))
        server.thaw()
        failures.equal(f"{name} goes on after a thaw", exchange(server, WELL_SECONDS), ["first"])
        server.kill()
        check("is gone when killed", not is_running(pid))
        error = fails(exchange, server, FROZEN_SECONDS)
        check("is refused when killed", isinstance(error, ConnectionRefusedError), repr(error))
        server.restart()
        check("is another process after a restart", server.nodes[0].process.pid not in (None, pid))
        wait_until(lambda: exchange(server, WELL_SECONDS) == ["first"], SETTLE_SECONDS_MAX,
                   f"{name} to have its data again")
        failures.passed += 1
        server.cut()
        error = fails(exchange, server, FROZEN_SECONDS)
        check("is refused when cut off", isinstance(error, ConnectionRefusedError), repr(error))
        server.mend()
        failures.equal(f"{name} goes on when mended", exchange(server, WELL_SECONDS), ["first"])
        last = server.nodes[0].process.pid
    check("leaves no process", not is_running(last))
    check("leaves no file", not folder.exists())


# ---- What all have in common

class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        with contextlib.suppress(ConnectionResetError):
            while received := self.request.recv(1 << 16):
                self.request.sendall(received)


def relay_verbs(failures):
    echo = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo)
    echo.daemon_threads = True
    threading.Thread(target=echo.serve_forever, daemon=True).start()
    front = ("127.0.0.1", claim_port())
    relay = Relay(front, echo.server_address)

    def ask(client, text):
        client.sendall(text)
        return client.recv(1 << 16)

    with socket.create_connection(front, WELL_SECONDS) as client:
        failures.equal("a relay passes bytes on", ask(client, b"one"), b"one")
        relay.slow(SLOW_MILLISECONDS)
        began = time.monotonic()
        failures.equal("a slow relay passes bytes on", ask(client, b"two"), b"two")
        failures.check("a slow relay takes its time, each way",
                       time.monotonic() - began >= 2 * SLOW_MILLISECONDS / 1000)
        relay.stall()
        client.settimeout(0.3)
        client.sendall(b"three")
        failures.check("a stalled relay is silent", raised(TIMEOUTS, client.recv, 10))
        client.settimeout(WELL_SECONDS)
        relay.mend()
        failures.equal("what was held back arrives in the end", client.recv(10), b"three")
        relay.refuse()
        failures.check("a refusing relay resets", raised(ConnectionResetError, ask, client, b"four"))
        failures.check("a refusing relay refuses", raised(ConnectionRefusedError, socket.create_connection, front))
    relay.mend()
    with socket.create_connection(front, WELL_SECONDS) as client:
        big, received = os.urandom(1 << 20), bytearray()
        sending = threading.Thread(target=client.sendall, args=(big,))
        sending.start()
        while len(received) < len(big):
            received += client.recv(1 << 16)
        sending.join()
        failures.check("a mended relay passes much on", bytes(received) == big)
    relay.close()
    failures.check("a closed relay is gone", raised(ConnectionRefusedError, socket.create_connection, front))
    echo.shutdown()
    echo.server_close()


def raised(kind, function, *arguments):
    try:
        function(*arguments)
    except kind:
        return True
    return False


def serve_killed(failures):
    """Nothing outlives `serve`, even when it can't tidy up; its folder goes with the next server."""
    with subprocess.Popen([SERVE, "s3", "--fetched-only"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as child:
        known = json.loads(child.stdout.readline())
        child.stdin.write("bogus\nkill 9\nfreeze\nthaw\n")
        child.stdin.flush()
        answers = [child.stdout.readline() for _ in range(4)]
        failures.check("serve refuses what it does not know", answers[0].startswith("error: there is no verb"), answers)
        failures.check("serve knows its nodes", answers[1].startswith("error: there is no node 9"), answers)
        failures.equal("serve obeys", answers[2:], ["ok\n", "ok\n"])
        child.send_signal(signal.SIGKILL)
        child.wait()
    wait_until(lambda: not any(map(is_running, known["pids"])), WELL_SECONDS, "the killed program's server to end")
    failures.check("what serve could not remove is there", pathlib.Path(known["folder"]).exists())
    ended = subprocess.run([SERVE, "s3", "--fetched-only", "--print-env"], input="", capture_output=True, text=True,
                           timeout=WELL_SECONDS)
    failures.check("serve prints lines for a shell", ended.stdout.startswith("export S3=http://127.0.0.1:"), ended)
    failures.equal("serve ends well when its input closes", ended.returncode, 0)
    failures.check("an abandoned folder is removed", not pathlib.Path(known["folder"]).exists())


def main(names):
    failures, skipped = Failures(), []
    if not names:
        relay_verbs(failures)
    for name in names or SERVERS:
        began = time.monotonic()
        try:
            torment(failures, name)
            print(f"{name}: {time.monotonic() - began:.1f} s", flush=True)
            if name == "s3":
                serve_killed(failures)
        except downloads.Unavailable as reason:
            skipped.append(name)
            print(f"skipped: {name}: {reason}", flush=True)
        except (OSError, RuntimeError) as error:
            failures.check(f"{name} got through", False, repr(error))
    left = [pid for pid, parent in parents().items() if parent == os.getpid() and is_running(pid)]
    failures.equal("no process is left", left, [])
    print(f"{failures.passed} passed, {failures.failed} failed, {len(skipped)} skipped", flush=True)
    return 1 if failures.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
