"""What all servers have in common: a folder, ports, nodes behind relays, and the verbs that torment them.

A server is one node or several, each a process of its own. Nodes are numbered from 1, as in the verbs. Everything is
bound to loopback, lives in a temporary folder, and ends with the program that started it.
"""
import dataclasses
import fcntl
import os
import pathlib
import random
import shutil
import socket
import ssl
import tempfile

from . import certificates, downloads
from .process import Process, wait_until
from .relay import Relay

READY_SECONDS_MAX = 150
PORT_TRIES_MAX = 200
PORTS = range(15000, 32000)  # below those that the kernel gives to clients
SCRATCH_PREFIX = "leat-server-"
USER, PASSWORD = "leat", "leat-secret"
GUEST, GUEST_PASSWORD = "guest", "guest-secret"  # may sign in, and do nothing more

_claims = []  # one socket for each port of this program: held as long as it runs


def _is_free(address, port):
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((address, port))
        except OSError:
            return False
    return True


def claim_port(addresses=("127.0.0.1",)):
    """A port that is free at all the addresses, and that no other program of these servers takes while this one runs."""
    for _ in range(PORT_TRIES_MAX):
        port = random.choice(PORTS)
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0leat-server-port-{port}")  # a name without a file, gone with the program
        except OSError:
            claim.close()
            continue
        if all(_is_free(address, port) for address in addresses):
            _claims.append(claim)
            return port
        claim.close()
    raise downloads.Unavailable("no free port was found")


def _remove_abandoned():
    """Folders whose program was killed: nobody holds their lock any more."""
    for folder in pathlib.Path(tempfile.gettempdir()).glob(f"{SCRATCH_PREFIX}*"):
        try:
            with open(folder / "lock") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue


@dataclasses.dataclass
class Node:
    process: Process
    relay: Relay = None
    front: tuple = None  # where clients reach it
    back: tuple = None  # where it listens


class Server:
    """To be derived from, one class a system. Not for two threads at a time."""

    name = title = version = environment_name = None
    usual_port = None
    nodes_max = 1
    stop_signal = 15
    with_guest = True

    def __init__(self, nodes=1, auth=False, tls=False, mutual_tls=False, port=None, relay=True, may_fetch=True):
        """port: of the first node, for clients; without one a free one is taken. relay: without, `cut` and the like fail."""
        if not 1 <= nodes <= self.nodes_max:
            raise ValueError(f"{self.name} runs with 1 to {self.nodes_max} nodes, not with {nodes}")
        self.nodes_wanted, self.auth, self.tls = nodes, auth, tls or mutual_tls
        self.mutual_tls, self.port, self.with_relay = mutual_tls, port, relay
        self.may_fetch = may_fetch
        self.nodes = []
        self.folder = self.home = self.certificates = self._lock = None

    # ---- What each system says

    @classmethod
    def fetch(cls, may_fetch=True):
        """The folder of the server's programs; raises Unavailable."""
        raise NotImplementedError

    def make_nodes(self):
        """Fills self.nodes; the processes are not started yet."""
        raise NotImplementedError

    def is_ready(self, node):
        """Asks the server itself, at `back`; OSError counts as no."""
        raise NotImplementedError

    def set_up(self):
        """Once, after all nodes are ready: users and the like."""

    def address(self):
        """What pipelines read from `environment_name`."""
        return ",".join(f"{node.front[0]}:{node.front[1]}" for node in self.nodes)

    # ---- Life

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        return False

    def start(self):
        self.home = self.fetch(self.may_fetch)
        if self.port and not _is_free("127.0.0.1", self.port):
            raise RuntimeError(f"port {self.port} is taken, so {self.title} can't listen there; name another")
        _remove_abandoned()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=SCRATCH_PREFIX))
        self._lock = open(self.folder / "lock", "w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            self.folder.chmod(0o711)
            if self.tls:
                self.certificates = certificates.make(self.scratch("tls"), USER)
            self.make_nodes()
            if self.with_relay:
                for node in self.nodes:
                    node.relay = Relay(node.front, node.back)
            self.start_nodes(self.nodes)
            self.set_up()
        except BaseException:
            self.stop()
            raise

    def stop(self):
        for node in self.nodes:
            node.process.kill()  # its data goes with it
        for node in self.nodes:
            if node.relay:
                node.relay.close()
        self.nodes = []
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
            self._lock.close()
            self.folder = None

    def scratch(self, name):
        path = self.folder / name
        path.mkdir(exist_ok=True)
        return path

    def start_nodes(self, nodes):
        for node in nodes:
            node.process.start()
        for node in nodes:
            self.wait_ready(node)

    def wait_ready(self, node):
        def ready():
            if not node.process.alive():
                raise RuntimeError(f"{self.name} ended with {node.process.child.returncode}:\n"
                                   f"{node.process.log_end()}")
            return self.is_ready(node)
        try:
            wait_until(ready, READY_SECONDS_MAX, f"{self.name} to be ready")
        except TimeoutError as error:
            raise RuntimeError(f"{error}\n{node.process.log_end()}") from None

    def client_tls(self):
        """What our own clients verify the server with and show it, or None without TLS."""
        if not self.tls:
            return None
        context = ssl.create_default_context(cafile=str(self.certificates.authority))
        if self.mutual_tls:
            context.load_cert_chain(str(self.certificates.client_bundle))
        return context

    # ---- Verbs: of one node, or without a number of all

    def chosen(self, number=None):
        if number is None:
            return self.nodes
        if not 1 <= number <= len(self.nodes):
            raise ValueError(f"there is no node {number}; there are {len(self.nodes)}")
        return [self.nodes[number - 1]]

    def kill(self, number=None):
        """kill -9; clients are refused from now on."""
        for node in self.chosen(number):
            node.process.kill()
            if node.relay:
                node.relay.refuse()

    def restart(self, number=None):
        """Ends what still runs in order, and starts it on the same data and ports; returns when it is ready."""
        for node in self.chosen(number):
            node.process.stop(self.stop_signal)
            if node.relay:
                node.relay.mend()
        self.start_nodes(self.chosen(number))

    def freeze(self, number=None):
        for node in self.chosen(number):
            node.process.freeze()

    def thaw(self, number=None):
        for node in self.chosen(number):
            node.process.thaw()

    def relays(self, number=None):
        found = [node.relay for node in self.chosen(number)]
        if None in found:
            raise ValueError("there is no relay in front of this server: it was started without one")
        return found

    def cut(self, number=None):
        for relay in self.relays(number):
            relay.refuse()

    def stall(self, number=None):
        for relay in self.relays(number):
            relay.stall()

    def slow(self, milliseconds, number=None):
        for relay in self.relays(number):
            relay.slow(milliseconds)

    def mend(self, number=None):
        for relay in self.relays(number):
            relay.mend()

    # ---- What clients need to know

    def environment(self):
        """The variables that pipelines read."""
        return {self.environment_name: self.address()}

    def describe(self):
        known = {"name": self.name, "version": self.version, "environment": self.environment(),
                 "addresses": [f"{node.front[0]}:{node.front[1]}" for node in self.nodes],
                 "pid": os.getpid(), "pids": [node.process.pid for node in self.nodes],
                 "logs": [str(node.process.log) for node in self.nodes], "folder": str(self.folder)}
        if self.auth:
            known.update(user=USER, password=PASSWORD)
            if self.with_guest:
                known.update(guest_user=GUEST, guest_password=GUEST_PASSWORD)
        if self.tls:
            known.update(ca_file=str(self.certificates.authority))
        if self.mutual_tls:
            known.update(client_certificate=str(self.certificates.client_certificate),
                         client_key=str(self.certificates.client_key),
                         client_bundle=str(self.certificates.client_bundle))
        return known
