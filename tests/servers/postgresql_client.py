"""A little of PostgreSQL's protocol: a session without a password, and queries whose values come as text."""
import socket
import struct

from .connection import Connection

TIMEOUT_SECONDS = 10
PROTOCOL_3 = 196608


class PostgreSqlClient(Connection):
    """address: (host, port), or the path of a Unix socket."""

    def __init__(self, address, user, database, timeout=TIMEOUT_SECONDS):
        self.socket = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        try:
            self.socket.settimeout(timeout)
            self.socket.connect(address)
            settings = f"user\0{user}\0database\0{database}\0\0".encode()
            self.socket.sendall(struct.pack(">ii", len(settings) + 8, PROTOCOL_3) + settings)
            self._until_ready()
        except BaseException:
            self.socket.close()
            raise

    def query(self, text):
        """Rows as lists of text; raises OSError with the server's words."""
        raw = text.encode() + b"\0"
        self.socket.sendall(b"Q" + struct.pack(">i", len(raw) + 4) + raw)
        return self._until_ready()

    def _until_ready(self):
        rows, refused = [], None
        while True:
            kind, length = struct.unpack(">ci", self.read(5))
            body = self.read(length - 4)
            if kind == b"Z":
                if refused:
                    raise OSError(refused)
                return rows
            if kind == b"E":
                refused = body.replace(b"\0", b" ").decode(errors="replace").strip()
                if b"VFATAL" in body:
                    raise OSError(refused)
            if kind == b"R" and struct.unpack_from(">i", body)[0] != 0:
                raise OSError("the server asks for a password")
            if kind == b"D":
                rows.append(self._row(body))

    @staticmethod
    def _row(body):
        values, at = [], 2
        for _ in range(struct.unpack_from(">h", body)[0]):
            length = struct.unpack_from(">i", body, at)[0]
            at += 4
            values.append(None if length < 0 else body[at:at + length].decode())
            at += max(0, length)
        return values
