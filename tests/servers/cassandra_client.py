"""A little of Cassandra's native protocol (v4): a session, and statements whose values come as bytes."""
import socket
import struct

from .connection import Connection

TIMEOUT_SECONDS = 20
REQUEST, ANSWER = 0x04, 0x84
ERROR, STARTUP, READY, AUTHENTICATE, OPTIONS, SUPPORTED, QUERY, RESULT, AUTH_RESPONSE, AUTH_SUCCESS = (
    0x00, 0x01, 0x02, 0x03, 0x05, 0x06, 0x07, 0x08, 0x0F, 0x10)
ROWS = 2
ONE, QUORUM, ALL = 0x01, 0x04, 0x05
GLOBAL_TABLE = 0x01
BODY_BYTES_MAX = 1 << 28


def text(value):
    raw = value.encode()
    return struct.pack(">H", len(raw)) + raw


class CassandraClient(Connection):
    """One connection to one node. credentials: (user, password) where the node asks for them; tls: an SSLContext."""

    def __init__(self, host, port, credentials=None, tls=None, timeout=TIMEOUT_SECONDS):
        self.socket = socket.create_connection((host, port), timeout)
        try:
            if tls:
                self.socket = tls.wrap_socket(self.socket, server_hostname=host)
            kind, _ = self.ask(STARTUP, struct.pack(">H", 1) + text("CQL_VERSION") + text("3.0.0"))
            if kind == AUTHENTICATE and credentials:
                secret = "\0{}\0{}".format(*credentials).encode()
                self.ask(AUTH_RESPONSE, struct.pack(">i", len(secret)) + secret)
        except BaseException:
            self.socket.close()
            raise

    def ask(self, kind, body):
        """(kind, body) of the answer; raises OSError with the server's words."""
        self.socket.sendall(struct.pack(">BBhBi", REQUEST, 0, 0, kind, len(body)) + body)
        version, _, _, kind, length = struct.unpack(">BBhBi", self.read(9))
        if version != ANSWER or not 0 <= length <= BODY_BYTES_MAX:
            raise OSError(f"no answer of protocol 4: version {version:#x}, {length} bytes")
        body = self.read(length)
        if kind == ERROR:
            code, size = struct.unpack_from(">iH", body)
            raise OSError(f"{code:#06x}: {body[6:6 + size].decode(errors='replace')}")
        return kind, body

    def query(self, statement, consistency=ONE):
        """Rows as lists of bytes; None for null."""
        raw = statement.encode()
        _, body = self.ask(QUERY, struct.pack(">i", len(raw)) + raw + struct.pack(">HB", consistency, 0))
        return self._rows(body) if struct.unpack_from(">i", body)[0] == ROWS else []

    def _rows(self, body):
        flags, columns = struct.unpack_from(">ii", body, 4)
        at = 12
        for _ in range(2 if flags & GLOBAL_TABLE else 0):
            at += 2 + struct.unpack_from(">H", body, at)[0]
        for _ in range(columns):
            for _ in range(1 if flags & GLOBAL_TABLE else 3):
                at += 2 + struct.unpack_from(">H", body, at)[0]
            at = self._after_type(body, at)
        count = struct.unpack_from(">i", body, at)[0]
        at += 4
        rows = []
        for _ in range(count):
            row = []
            for _ in range(columns):
                length = struct.unpack_from(">i", body, at)[0]
                at += 4
                row.append(None if length < 0 else body[at:at + length])
                at += max(0, length)
            rows.append(row)
        return rows

    def _after_type(self, body, at):
        kind = struct.unpack_from(">H", body, at)[0]
        at += 2
        if kind == 0x00:  # custom: the name of a class
            return at + 2 + struct.unpack_from(">H", body, at)[0]
        if kind >= 0x30:
            raise OSError(f"a column of type {kind:#x} is not understood here")
        for _ in range({0x20: 1, 0x21: 2, 0x22: 1}.get(kind, 0)):  # list, map, set
            at = self._after_type(body, at)
        return at
