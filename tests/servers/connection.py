"""What the small clients of the servers' protocols share: a socket that ends with its `with`, and exact reads."""


class Connection:
    """`self.socket` is set by the class that derives from it."""

    socket = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        return False

    def read(self, count):
        raw = b""
        while len(raw) < count:
            part = self.socket.recv(count - len(raw))
            if not part:
                raise ConnectionError("the server closed the connection")
            raw += part
        return raw
