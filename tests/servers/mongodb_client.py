"""A little of MongoDB's protocol: commands as dictionaries, and signing in by SCRAM-SHA-256.

Of BSON's types those that such commands and their answers have: numbers, text, booleans, null, bytes, lists, documents,
object ids (as bytes), dates and timestamps (as integers).
"""
import base64
import hashlib
import hmac
import os
import socket
import struct

from .connection import Connection

TIMEOUT_SECONDS = 10
OP_MSG = 2013
MESSAGE_BYTES_MAX = 1 << 26


def to_bson(document):
    raw = b"".join(_element(name, value) for name, value in document.items())
    return struct.pack("<i", len(raw) + 5) + raw + b"\0"


def _element(name, value):
    name = name.encode() + b"\0"
    if value is None:
        return b"\x0a" + name
    if isinstance(value, bool):
        return b"\x08" + name + bytes([value])
    if isinstance(value, int):
        if -(1 << 31) <= value < 1 << 31:
            return b"\x10" + name + struct.pack("<i", value)
        return b"\x12" + name + struct.pack("<q", value)
    if isinstance(value, float):
        return b"\x01" + name + struct.pack("<d", value)
    if isinstance(value, str):
        raw = value.encode() + b"\0"
        return b"\x02" + name + struct.pack("<i", len(raw)) + raw
    if isinstance(value, bytes):
        return b"\x05" + name + struct.pack("<ib", len(value), 0) + value
    if isinstance(value, dict):
        return b"\x03" + name + to_bson(value)
    return b"\x04" + name + to_bson({str(at): item for at, item in enumerate(value)})


FIXED = {0x01: "<d", 0x09: "<q", 0x10: "<i", 0x11: "<Q", 0x12: "<q"}


def from_bson(raw, at=0):
    """The document that begins there."""
    document, at = {}, at + 4
    while raw[at]:
        kind = raw[at]
        ends = raw.index(0, at + 1)
        name = raw[at + 1:ends].decode()
        document[name], at = _value(kind, raw, ends + 1)
    return document


def _value(kind, raw, at):
    """(the value, where the next element begins)"""
    if kind in FIXED:
        return struct.unpack_from(FIXED[kind], raw, at)[0], at + struct.calcsize(FIXED[kind])
    if kind == 0x0A:
        return None, at
    if kind == 0x08:
        return bool(raw[at]), at + 1
    if kind == 0x07:
        return raw[at:at + 12], at + 12
    length = struct.unpack_from("<i", raw, at)[0]
    if kind == 0x02:
        return raw[at + 4:at + 3 + length].decode(), at + 4 + length
    if kind == 0x05:
        return raw[at + 5:at + 5 + length], at + 5 + length
    if kind in (0x03, 0x04):
        document = from_bson(raw, at)
        return (document if kind == 0x03 else list(document.values())), at + length
    raise OSError(f"a value of BSON's type {kind:#x} is not understood here")


class MongoDbClient(Connection):
    """One connection to one member. tls: an SSLContext."""

    def __init__(self, host, port, tls=None, timeout=TIMEOUT_SECONDS):
        self.socket = socket.create_connection((host, port), timeout)
        self.requests = 0
        try:
            if tls:
                self.socket = tls.wrap_socket(self.socket, server_hostname=host)
        except BaseException:
            self.socket.close()
            raise

    def command(self, database, **command):
        """The answer; raises OSError with the server's words where it refuses."""
        self.requests += 1
        body = struct.pack("<ib", 0, 0) + to_bson({**command, "$db": database})
        self.socket.sendall(struct.pack("<iiii", len(body) + 16, self.requests, 0, OP_MSG) + body)
        length, _, answers, kind = struct.unpack("<iiii", self.read(16))
        if kind != OP_MSG or answers != self.requests or not 26 <= length <= MESSAGE_BYTES_MAX:
            raise OSError(f"an answer of kind {kind} with {length} bytes")
        answer = from_bson(self.read(length - 16), 5)
        refused = answer if not answer.get("ok") else (answer.get("writeErrors") or [None])[0]
        refused = refused or answer.get("writeConcernError")
        if refused:
            raise OSError(f"{refused.get('codeName', refused.get('code'))}: {refused.get('errmsg')}")
        return answer

    def sign_in(self, user, password, database="admin"):
        nonce = base64.b64encode(os.urandom(18)).decode()
        first = f"n={user},r={nonce}"
        answer = self.command(database, saslStart=1, mechanism="SCRAM-SHA-256", payload=f"n,,{first}".encode(),
                              options={"skipEmptyExchange": True})
        challenge = answer["payload"].decode()
        asked = dict(part.split("=", 1) for part in challenge.split(","))
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(asked["s"]), int(asked["i"]))
        key = hmac.digest(salted, b"Client Key", "sha256")
        last = f"c=biws,r={asked['r']}"
        proof = hmac.digest(hashlib.sha256(key).digest(), f"{first},{challenge},{last}".encode(), "sha256")
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, proof))).decode()
        self.command(database, saslContinue=1, conversationId=answer["conversationId"],
                     payload=f"{last},p={proof}".encode())
