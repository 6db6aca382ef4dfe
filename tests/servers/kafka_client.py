"""A little of Kafka's protocol, enough to ask whether a broker is well and to write and read a few records."""
import socket
import struct
import time
import zlib

from .connection import Connection

TIMEOUT_SECONDS = 5
LEADER_SECONDS_MAX = 15
LEADER_NOT_AVAILABLE, NOT_LEADER = 5, 6
PRODUCE, FETCH, METADATA = 0, 1, 3
ANSWER_BYTES_MAX = 1 << 26


def text(value):
    raw = value.encode()
    return struct.pack(">h", len(raw)) + raw


class Reader:
    """Takes values off the front of an answer."""

    def __init__(self, raw):
        self.raw, self.at = raw, 0

    def take(self, layout):
        values = struct.unpack_from(">" + layout, self.raw, self.at)
        self.at += struct.calcsize(">" + layout)
        return values[0] if len(values) == 1 else values

    def bytes(self, length):
        self.at += max(0, length)
        return None if length < 0 else self.raw[self.at - length:self.at]

    def text(self):
        return (self.bytes(self.take("h")) or b"").decode()


class KafkaClient(Connection):
    """One connection to one broker, without signing in."""

    def __init__(self, host, port, timeout=TIMEOUT_SECONDS):
        self.socket = socket.create_connection((host, port), timeout)
        self.requests = 0

    def ask(self, kind, version, body):
        self.requests += 1
        request = struct.pack(">hhi", kind, version, self.requests) + text("leat-tests") + body
        self.socket.sendall(struct.pack(">i", len(request)) + request)
        length = struct.unpack(">i", self.read(4))[0]
        if not 4 <= length <= ANSWER_BYTES_MAX:
            raise OSError(f"an answer of {length} bytes")
        reader = Reader(self.read(length))
        if reader.take("i") != self.requests:
            raise OSError("the answer to another request")
        return reader

    def brokers(self):
        """[(number, host, port)]"""
        reader = self.ask(METADATA, 1, struct.pack(">i", 0))
        found = []
        for _ in range(reader.take("i")):
            number, host, port = reader.take("i"), reader.text(), reader.take("i")
            reader.text()
            found.append((number, host, port))
        return found

    def leader(self, topic):
        """The number of the broker that leads partition 0, or None; makes the topic where there is none."""
        reader = self.ask(METADATA, 1, struct.pack(">i", 1) + text(topic))
        for _ in range(reader.take("i")):
            reader.take("i"), reader.text(), reader.take("i"), reader.text()
        reader.take("i")
        for _ in range(reader.take("i")):
            error, _ = reader.take("h"), reader.text()
            reader.take("b")
            for _ in range(reader.take("i")):
                partition_error, partition, leader = reader.take("hii")
                reader.bytes(4 * reader.take("i")), reader.bytes(4 * reader.take("i"))
                if not error and not partition_error and partition == 0 and leader >= 0:
                    return leader
        return None

    def produce(self, topic, value):
        """Appends one record to partition 0, acknowledged by all in-sync replicas; gives its offset. A broker that has just been
        given the partition may not know of it yet."""
        deadline = time.monotonic() + LEADER_SECONDS_MAX
        while True:
            error, offset = self.try_produce(topic, value)
            if error not in (LEADER_NOT_AVAILABLE, NOT_LEADER) or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        if error:
            raise OSError(f"the broker refused the record with error {error}")
        return offset

    def try_produce(self, topic, value):
        message = struct.pack(">bbqii", 1, 0, 0, -1, len(value)) + value
        message = struct.pack(">I", zlib.crc32(message)) + message
        record = struct.pack(">qi", 0, len(message)) + message
        reader = self.ask(PRODUCE, 2, struct.pack(">hii", -1, 5000, 1) + text(topic) +
                          struct.pack(">iii", 1, 0, len(record)) + record)
        reader.take("i"), reader.text(), reader.take("i")
        _, error, offset = reader.take("ihq")
        return error, offset

    def fetch(self, topic, offset=0):
        """The values of partition 0 from the offset on."""
        reader = self.ask(FETCH, 2, struct.pack(">iiii", -1, 500, 1, 1) + text(topic) +
                          struct.pack(">iiqi", 1, 0, offset, 1 << 20))
        reader.take("i"), reader.take("i"), reader.text(), reader.take("i")
        _, error, _, length = reader.take("ihqi")
        if error:
            raise OSError(f"the broker refused to read with error {error}")
        ends, values = reader.at + length, []
        while reader.at + 12 <= ends:
            _, length = reader.take("qi")
            if reader.at + length > ends:  # a filler for what was not converted
                break
            reader.take("Ibbq")
            reader.bytes(reader.take("i"))
            values.append(reader.bytes(reader.take("i")))
        return values
