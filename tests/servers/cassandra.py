"""Apache Cassandra, one node or three, from Maven's packages.

Clients meet node N at 127.0.0.N, where its relay stands; the node itself listens at 127.0.0.(10 + N), and tells clients the
address of its relay. All nodes share one port, as the protocol before its version 5 wants it. A write is in the commit log
before it is acknowledged (`commitlog_sync: batch`): by the default, a node that is killed may lose its last ten seconds.
"""
from . import downloads
from .cassandra_client import ALL, CassandraClient
from .process import Process, wait_until
from .server import GUEST, GUEST_PASSWORD, PASSWORD, USER, Node, Server, claim_port

HEAP = "384m"
SHA256 = "1a9f2968d1b7c3e85249cb365983ec626aff3d07186da41cd211174ffe3a6328"
FIRST_USER = ("cassandra", "cassandra")  # the one that the server makes
USER_CREDENTIALS = (USER, PASSWORD)
AGREE_SECONDS_MAX = 90
# One token a node, evenly spread: no node has to ask others for its part of the ring.
TOKENS = {1: [-(1 << 63)], 2: [-(1 << 63), 0], 3: [-(1 << 63), -3074457345618258603, 3074457345618258602]}

SETTINGS = """\
cluster_name: leat
num_tokens: 1
initial_token: '{token}'
allocate_tokens_for_local_replication_factor: 1
auto_bootstrap: false
listen_address: {own}
rpc_address: {own}
broadcast_rpc_address: {front}
native_transport_port: {port}
storage_port: {storage}
ssl_storage_port: {storage_tls}
start_native_transport: true
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters: [{{seeds: "{seed}"}}]
endpoint_snitch: SimpleSnitch
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
authenticator: {authenticator}
authorizer: {authorizer}
role_manager: CassandraRoleManager
data_file_directories: [{folder}/data]
commitlog_directory: {folder}/commitlog
saved_caches_directory: {folder}/saved_caches
hints_directory: {folder}/hints
cdc_raw_directory: {folder}/cdc
commitlog_sync: batch
commitlog_segment_size: 8MiB
commitlog_total_space: 128MiB
memtable_heap_space: 64MiB
memtable_offheap_space: 64MiB
file_cache_size: 32MiB
key_cache_size: 4MiB
counter_cache_size: 2MiB
networking_cache_size: 16MiB
concurrent_reads: 8
concurrent_writes: 8
concurrent_counter_writes: 4
native_transport_max_threads: 16
auto_snapshot: false
materialized_views_enabled: true
user_defined_functions_enabled: true
storage_compatibility_mode: NONE
sai_options: {{segment_write_buffer_size: 32MiB}}
"""
TLS = """\
client_encryption_options:
  enabled: true
  optional: false
  require_client_auth: {client}
  ssl_context_factory: {{class_name: org.apache.cassandra.security.PEMBasedSslContextFactory}}
  keystore: {certificates.server_bundle}
  truststore: {certificates.authority}
"""
LOGGING = """\
<configuration><appender name="out" class="ch.qos.logback.core.ConsoleAppender"><encoder>
<pattern>%-5level %date{HH:mm:ss.SSS} %logger{0} %msg%n</pattern></encoder></appender>
<root level="INFO"><appender-ref ref="out"/></root></configuration>
"""
# What Java 17 keeps to itself and Cassandra reaches for.
OPENED = """java.io java.lang java.lang.reflect java.lang.module java.math java.net java.nio java.time java.util
java.util.concurrent java.util.concurrent.atomic jdk.internal.loader jdk.internal.math jdk.internal.module jdk.internal.ref
jdk.internal.reflect jdk.internal.util jdk.internal.util.jar jdk.internal.vm sun.nio.ch
jdk.management.jfr/jdk.management.jfr jdk.management/com.sun.management.internal java.rmi/sun.rmi.transport.tcp"""
EXPORTED = """java.lang.ref jdk.internal.misc jdk.internal.ref jdk.internal.util sun.nio.ch
java.management.rmi/com.sun.jmx.remote.internal.rmi java.rmi/sun.rmi.registry java.rmi/sun.rmi.server
java.rmi/sun.rmi.transport java.rmi/sun.rmi.transport.tcp java.sql/java.sql jdk.attach/sun.tools.attach
jdk.unsupported/sun.misc"""


def module_options():
    found = []
    for option, packages in (("--add-opens", OPENED), ("--add-exports", EXPORTED)):
        for package in packages.split():
            found += [option, f"{package if '/' in package else f'java.base/{package}'}=ALL-UNNAMED"]
    return found


class Cassandra(Server):
    name, title, version, environment_name = "cassandra", "Cassandra", "5.0.9", "CASSANDRA"
    usual_port = 9042
    nodes_max = 3
    has_users = False  # beside the first one

    @classmethod
    def fetch(cls, may_fetch=True):
        downloads.java(may_fetch)
        return downloads.fetched(
            f"cassandra-{cls.version}",
            lambda folder: downloads.jars([f"org.apache.cassandra:cassandra-all:{cls.version}"], folder), SHA256,
            may_fetch)

    def make_nodes(self):
        numbers = range(1, self.nodes_wanted + 1)
        addresses = [(f"127.0.0.{number}", f"127.0.0.{number + (10 if self.with_relay else 0)}")
                     for number in numbers]
        own_addresses = [own for _, own in addresses]
        port = self.port or claim_port({address for pair in addresses for address in pair})
        storage, storage_tls = claim_port(own_addresses), claim_port(own_addresses)
        (self.folder / "logback.xml").write_text(LOGGING)
        for (front, own), token in zip(addresses, TOKENS[self.nodes_wanted]):
            number = len(self.nodes) + 1
            folder = self.scratch(f"node{number}")
            settings = SETTINGS.format(
                token=token, own=own, front=front, port=port, storage=storage, storage_tls=storage_tls,
                seed=f"{own_addresses[0]}:{storage}", folder=folder,
                authenticator="PasswordAuthenticator" if self.auth else "AllowAllAuthenticator",
                authorizer="CassandraAuthorizer" if self.auth else "AllowAllAuthorizer")
            if self.tls:
                settings += TLS.format(certificates=self.certificates, client=str(self.mutual_tls).lower())
            (folder / "cassandra.yaml").write_text(settings)
            process = Process(self.command(folder), self.folder / f"cassandra{number}.log", folder=folder)
            self.nodes.append(Node(process, front=(front, port), back=(own, port)))

    def command(self, folder):
        agent = next(self.home.glob("jamm-*.jar"))
        settings = {"cassandra.config": f"file://{folder}/cassandra.yaml", "cassandra.storagedir": folder,
                    "cassandra-foreground": "yes", "cassandra.ring_delay_ms": 1000,
                    "cassandra.skip_wait_for_gossip_to_settle": 0, "cassandra.superuser_setup_delay_ms": -1,
                    "cassandra.auth_bcrypt_gensalt_log2_rounds": 4,
                    "logback.configurationFile": self.folder / "logback.xml", "io.netty.native.workdir": folder,
                    "java.io.tmpdir": folder, "jdk.attach.allowAttachSelf": "true"}
        return [downloads.java(self.may_fetch), f"-Xms{HEAP}", f"-Xmx{HEAP}", "-XX:+UseSerialGC",
                "-XX:MaxDirectMemorySize=128m", "-Xss512k", "-XX:-UsePerfData",
                # Checking the bytes of classes, which have a checksum already, is a good part of the start.
                "-XX:+UnlockDiagnosticVMOptions", "-XX:-BytecodeVerificationRemote", *module_options(),
                f"-javaagent:{agent}", *(f"-D{name}={value}" for name, value in settings.items()),
                "-cp", f"{self.home}/*", "org.apache.cassandra.service.CassandraDaemon"]

    def start_nodes(self, nodes):
        """One after the other: two that join at once may each miss the other."""
        for node in nodes:
            super().start_nodes([node])
        if 2 * sum(node.process.alive() for node in self.nodes) > len(self.nodes):
            wait_until(self.agrees, AGREE_SECONDS_MAX, "Cassandra's nodes to agree with each other")

    def agrees(self):
        """Every node that runs reaches all others that run, and has their schema."""
        running = [number for number, node in enumerate(self.nodes, 1) if node.process.alive()]
        schemas = set()
        for number in running:
            with self.client(number, USER_CREDENTIALS if self.has_users else FIRST_USER) as client:
                # Kept three times wherever there are three nodes; the consistencies ONE, TWO and THREE are so numbered.
                client.query("SELECT * FROM system_distributed.view_build_status", len(running))
                schemas.add(client.query("SELECT schema_version FROM system.local")[0][0])
        return len(schemas) == 1

    def client(self, number=1, credentials=USER_CREDENTIALS):
        """A session with a node, behind its relay."""
        return CassandraClient(*self.nodes[number - 1].back, credentials=credentials, tls=self.client_tls())

    def is_ready(self, node):
        """It takes clients. Nobody signs in here: that may need other nodes."""
        with self.client(self.nodes.index(node) + 1, None):
            return True

    def set_up(self):
        if not self.auth:
            return
        with self.client(1, FIRST_USER) as client:
            # Users must be known where only some of the nodes live.
            client.query("ALTER KEYSPACE system_auth WITH replication = {'class': 'SimpleStrategy', "
                         f"'replication_factor': {self.nodes_wanted}}}")
            for user, password, rights in ((USER, PASSWORD, "true"), (GUEST, GUEST_PASSWORD, "false")):
                client.query(f"CREATE ROLE {user} WITH PASSWORD = '{password}' AND LOGIN = true "
                             f"AND SUPERUSER = {rights}", ALL)
        self.has_users = True
        wait_until(self.agrees, AGREE_SECONDS_MAX, "Cassandra's users")

    def address(self):
        return f"{self.nodes[0].front[0]}:{self.nodes[0].front[1]}"

    def words(self):
        host, port = self.nodes[0].front
        return f"cqlsh {host} {port}" + (f" -u {USER} -p {PASSWORD}" if self.auth else "")
