"""PostgreSQL, as Debian packages it, with logical replication.

It does not run as root: started by root it runs as the system's user postgres, or nobody. Writes are not flushed to the disk
(`fsync=off`), which a killed process does not notice.
"""
import ctypes
import glob
import os
import pwd
import re
import signal
import subprocess

from . import downloads
from .postgresql_client import PostgreSqlClient
from .process import Process
from .server import GUEST, GUEST_PASSWORD, PASSWORD, USER, Node, Server, claim_port

MAJOR_MIN = 15
MAKE_SECONDS_MAX = 60
IPC_RMID = 0

SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{folder}'
wal_level = logical
max_wal_senders = 10
max_replication_slots = 10
wal_sender_timeout = 10s
password_encryption = 'scram-sha-256'
shared_buffers = 32MB
dynamic_shared_memory_type = mmap
fsync = off
"""
TLS = """
ssl = on
ssl_cert_file = '{folder}/server.crt'
ssl_key_file = '{folder}/server.key'
ssl_ca_file = '{folder}/ca.crt'
"""
# One statement a line, as the single-user mode takes them.
USERS = f"""\
CREATE ROLE {USER} LOGIN REPLICATION CREATEDB PASSWORD '{PASSWORD}'
CREATE ROLE {GUEST} LOGIN PASSWORD '{GUEST_PASSWORD}'
CREATE DATABASE {USER} OWNER {USER}
"""


def find_programs():
    """The folder of the oldest PostgreSQL that is new enough, or None."""
    found = []
    for folder in glob.glob("/usr/lib/postgresql/*/bin"):
        major = re.search(r"/(\d+)/bin$", folder)
        if major and int(major[1]) >= MAJOR_MIN and os.access(f"{folder}/initdb", os.X_OK):
            found.append((int(major[1]), folder))
    return min(found)[1] if found else None


class PostgreSql(Server):
    name, title, version, environment_name = "postgresql", "PostgreSQL", f"{MAJOR_MIN}", "POSTGRESQL"
    usual_port = 5432
    stop_signal = signal.SIGINT  # ends sessions, too

    @classmethod
    def fetch(cls, may_fetch=True):
        found = find_programs()
        if not found and may_fetch:
            downloads.install("postgresql")
            found = find_programs()
        if not found:
            raise downloads.Unavailable(f"there is no PostgreSQL {MAJOR_MIN} or newer below /usr/lib/postgresql; "
                                        "run: scripts/setup postgresql")
        return found

    def user(self):
        if os.getuid() != 0:
            return None
        for name in ("postgres", "nobody"):
            try:
                entry = pwd.getpwnam(name)
                return entry.pw_uid, entry.pw_gid
            except KeyError:
                continue
        raise downloads.Unavailable("PostgreSQL does not run as root, and there is no user postgres or nobody")

    def make_nodes(self):
        back = claim_port() if self.with_relay or not self.port else self.port
        front = self.port or (claim_port() if self.with_relay else back)
        self.own = self.scratch("postgresql")  # all that belongs to the server's user
        self.own.chmod(0o700)
        user = self.user()
        for name in ("server.crt", "server.key", "ca.crt") if self.tls else ():
            copy = self.own / name
            copy.write_bytes((self.folder / "tls" / name).read_bytes())
            copy.chmod(0o600)
        for path in [self.own, *self.own.iterdir()] if user else ():
            os.chown(path, *user)
        self.data = self.own / "data"
        self.make_database(user, back)
        process = Process([f"{self.home}/postgres", "-D", self.data], self.folder / "postgresql.log", user=user,
                          folder=self.own)
        self.nodes = [Node(process, front=("127.0.0.1", front), back=("127.0.0.1", back))]

    def make_database(self, user, port):
        as_user = {"user": user[0], "group": user[1], "extra_groups": []} if user else {}

        def run(*command, text=None):
            done = subprocess.run(command, input=text, capture_output=True, text=True, cwd=self.own,
                                  timeout=MAKE_SECONDS_MAX, **as_user)
            if done.returncode or "ERROR:" in done.stderr:
                raise RuntimeError(f"{command[0]} failed: {done.stderr[-1000:]}")
        run(f"{self.home}/initdb", "-D", str(self.data), "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8",
            "--auth=trust", "--no-sync")
        with open(self.data / "postgresql.conf", "a") as file:
            file.write(SETTINGS.format(port=port, folder=self.own) + (TLS.format(folder=self.own) if self.tls else ""))
        kind, method = "hostssl" if self.tls else "host", "scram-sha-256" if self.auth else "trust"
        shown = " clientcert=verify-ca" if self.mutual_tls else ""
        (self.data / "pg_hba.conf").write_text(
            "local all all trust\n" + "".join(f"{kind} {database} all 127.0.0.1/32 {method}{shown}\n"
                                              for database in ("all", "replication")))
        run(f"{self.home}/postgres", "--single", "-D", str(self.data), "postgres", text=USERS)

    def client(self, database=USER, user=USER):
        """A session that needs no password, by the server's own door, which no relay stands in front of."""
        return PostgreSqlClient(str(self.own / f".s.PGSQL.{self.nodes[0].back[1]}"), user, database)

    def is_ready(self, node):
        with self.client() as client:
            return client.query("SELECT 1") == [["1"]]

    def stop(self):
        for node in self.nodes:
            node.process.stop(signal.SIGQUIT)
            self._remove_shared_memory()
        super().stop()

    def _remove_shared_memory(self):
        """A killed server leaves it to the next one on the same data; there will be none."""
        try:
            identifier = int((self.data / "postmaster.pid").read_text().splitlines()[6].split()[1])
        except (OSError, IndexError, ValueError):
            return
        ctypes.CDLL(None).shmctl(identifier, IPC_RMID, None)

    def address(self, user=USER):
        host, port = self.nodes[0].front
        password = f":{GUEST_PASSWORD if user == GUEST else PASSWORD}" if self.auth else ""
        settings = []
        if self.tls:
            settings += ["sslmode=verify-full", f"sslrootcert={self.certificates.authority}"]
        if self.mutual_tls:
            settings += [f"sslcert={self.certificates.client_certificate}", f"sslkey={self.certificates.client_key}"]
        return f"postgresql://{user}{password}@{host}:{port}/{USER}{'?' if settings else ''}{'&'.join(settings)}"

    def describe(self):
        known = super().describe()
        known.update(uri=self.address(), database=USER, admin_user="postgres", admin_socket_folder=str(self.own),
                     admin_port=self.nodes[0].back[1])
        if self.auth:
            known.update(guest_uri=self.address(GUEST))
        return known

    def words(self):
        return f"psql {self.address()}"
