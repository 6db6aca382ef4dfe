"""Apache Kafka (KRaft), one broker or three, from Maven's packages.

Clients sign in by PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, or OAUTHBEARER with an unsecured token. Brokers talk to each other
over listeners of their own, which no relay stands in front of.
"""
import base64
import os
import subprocess

from . import downloads
from .kafka_client import KafkaClient
from .process import Process
from .server import GUEST, GUEST_PASSWORD, PASSWORD, USER, Node, Server, claim_port

HEAP = "256m"
FORMAT_SECONDS_MAX = 60
SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-512")
SHA256 = "4fbdba2ffb482b7bdd2894580ab62f10f12bc29bf7cb9e9c5826fa4c8e5ae391"
LOGIN = "org.apache.kafka.common.security"

SETTINGS = """\
process.roles=broker,controller
node.id={number}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
inter.broker.listener.name=BROKERS
listeners=CLIENTS://127.0.0.1:{back},BROKERS://127.0.0.1:{brokers},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENTS://127.0.0.1:{front},BROKERS://127.0.0.1:{brokers}
listener.security.protocol.map=CLIENTS:{protocol},BROKERS:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
num.partitions=1
default.replication.factor={nodes}
min.insync.replicas={in_sync}
offsets.topic.replication.factor={nodes}
offsets.topic.num.partitions=8
transaction.state.log.replication.factor={nodes}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=8
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=true
log.cleaner.dedupe.buffer.size=8388608
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
controlled.shutdown.enable={several}
"""
SIGN_IN = f"""\
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
listener.name.clients.plain.sasl.jaas.config={LOGIN}.plain.PlainLoginModule required \
user_{USER}="{PASSWORD}" user_{GUEST}="{GUEST_PASSWORD}";
listener.name.clients.scram-sha-256.sasl.jaas.config={LOGIN}.scram.ScramLoginModule required;
listener.name.clients.scram-sha-512.sasl.jaas.config={LOGIN}.scram.ScramLoginModule required;
listener.name.clients.oauthbearer.sasl.jaas.config={LOGIN}.oauthbearer.OAuthBearerLoginModule required;
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:{USER}
"""
TLS = """\
ssl.keystore.type=PEM
ssl.keystore.location={certificates.server_bundle}
ssl.truststore.type=PEM
ssl.truststore.location={certificates.authority}
listener.name.clients.ssl.client.auth={client}
"""


class Kafka(Server):
    name, title, version, environment_name = "kafka", "Kafka", "3.9.2", "KAFKA"
    usual_port = 9092
    nodes_max = 3

    @classmethod
    def fetch(cls, may_fetch=True):
        downloads.java(may_fetch)

        def build(folder):
            # Of two bindings of slf4j Kafka's log takes neither.
            downloads.jars([f"org.apache.kafka:kafka_2.13:{cls.version}", f"org.apache.kafka:kafka-tools:{cls.version}",
                            "org.slf4j:slf4j-simple:1.7.36"], folder, without=["slf4j-reload4j-*.jar"])
        return downloads.fetched(f"kafka-{cls.version}", build, SHA256, may_fetch)

    def protocol(self):
        return ("SASL_" if self.auth else "") + ("SSL" if self.tls else "PLAINTEXT")

    def make_nodes(self):
        numbers = range(1, self.nodes_wanted + 1)
        self.ports = {number: {"brokers": claim_port(), "controller": claim_port()} for number in numbers}
        voters = ",".join(f"{number}@127.0.0.1:{self.ports[number]['controller']}" for number in numbers)
        for number in numbers:
            front = self.port + number - 1 if self.port else claim_port()
            back = claim_port() if self.with_relay else front
            settings = SETTINGS.format(
                number=number, voters=voters, front=front, back=back, protocol=self.protocol(),
                data=self.folder / f"data{number}", nodes=self.nodes_wanted,
                in_sync=2 if self.nodes_wanted > 1 else 1,
                several="true" if self.nodes_wanted > 1 else "false", **self.ports[number])
            settings += SIGN_IN if self.auth else ""
            settings += TLS.format(certificates=self.certificates, client="required" if self.mutual_tls else
                                   "none") if self.tls else ""
            path = self.folder / f"kafka{number}.properties"
            path.write_text(settings)
            process = Process([*self.java("info"), "kafka.Kafka", path], self.folder / f"kafka{number}.log",
                              folder=self.folder)
            self.nodes.append(Node(process, front=("127.0.0.1", front), back=("127.0.0.1", back)))
        self.format_storage()

    def java(self, level, *words):
        return [downloads.java(self.may_fetch), f"-Xmx{HEAP}", "-Xms64m", "-XX:+UseSerialGC", *words,
                f"-Dorg.slf4j.simpleLogger.defaultLogLevel={level}", "-cp", f"{self.home}/*"]

    def format_storage(self):
        """Writes the empty cluster's first state for every node, with the users that sign in by SCRAM."""
        cluster = base64.urlsafe_b64encode(b"\x01" + os.urandom(15)).decode().rstrip("=")
        users = []
        for mechanism in SCRAM if self.auth else ():
            for user, password in ((USER, PASSWORD), (GUEST, GUEST_PASSWORD)):
                users += ["--add-scram", f"{mechanism}=[name={user},password={password}]"]
        children = [subprocess.Popen(
            [*self.java("warn", "-XX:TieredStopAtLevel=1"), "kafka.tools.StorageTool", "format", "-t", cluster, "-c",
             self.folder / f"kafka{number}.properties", *users], stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for number in range(1, self.nodes_wanted + 1)]
        for child in children:
            try:
                told, _ = child.communicate(timeout=FORMAT_SECONDS_MAX)
            finally:
                child.kill()
            if child.returncode:
                raise RuntimeError(f"Kafka's storage could not be formatted: {told}")

    def is_ready(self, node):
        """Every broker that runs is known to this one, which takes clients, too."""
        ports = self.ports[self.nodes.index(node) + 1]
        with KafkaClient("127.0.0.1", ports["brokers"]) as client:
            known = client.brokers()
        running = sum(other.process.alive() for other in self.nodes)
        with KafkaClient(*node.back):
            return len(known) >= running

    def describe(self):
        known = super().describe()
        known.update(security_protocol=self.protocol(), unsecured_addresses=[
            f"127.0.0.1:{ports['brokers']}" for ports in self.ports.values()])
        if self.auth:
            known.update(mechanisms=["PLAIN", *SCRAM, "OAUTHBEARER"])
        return known

    def words(self):
        """The client command to look into it."""
        return f"kcat -b {self.address()} -L"
