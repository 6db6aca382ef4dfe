"""A TCP relay in front of a server: lets bytes through, delays them, holds them back, or refuses connections.

All relays of a program share one thread. The verbs may be called from any thread and have taken effect when they return.
"""
import asyncio
import contextlib
import socket
import struct
import threading
import time

CHUNK_BYTES = 1 << 17
CHUNKS_WAITING_MAX = 64
BACKLOG = 512
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time

_loop = None
_loop_lock = threading.Lock()


def _shared_loop():
    global _loop
    with _loop_lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="relay", daemon=True).start()
    return _loop


def _wait_for(coroutine):
    return asyncio.run_coroutine_threadsafe(coroutine, _shared_loop()).result()


class Relay:
    """Listens at `front` and connects to `back`, both (address, port)."""

    def __init__(self, front, back):
        self.front, self.back = front, back
        self._delay_seconds = 0.0
        self._pairs = set()  # (client's writer, server's writer)
        self._tasks = set()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.setblocking(False)
        self._listener.bind(front)
        self._listening = False
        _wait_for(self._make())

    async def _make(self):
        self._admitted = asyncio.Event()  # new connections are taken
        self._flowing = asyncio.Event()  # bytes pass
        self._accepting = asyncio.ensure_future(self._accept())
        self._open()

    # ---- Verbs

    def mend(self):
        """As if there were no relay; connections that were only held back go on."""
        _wait_for(self._call(self._open))

    def refuse(self):
        """Connections are reset, new ones refused, as by a machine without that server."""
        _wait_for(self._call(self._shut))

    def stall(self):
        """Connections are accepted and stay, but no byte passes, as behind a network that lost its way."""
        _wait_for(self._call(self._hold))

    def slow(self, milliseconds):
        """Every byte takes so much longer, each way."""
        _wait_for(self._call(self._open))
        self._delay_seconds = milliseconds / 1000

    def close(self):
        _wait_for(self._call(self._end))

    async def _call(self, what):
        what()
        await asyncio.sleep(0)

    # ---- On the loop's thread

    def _open(self):
        self._delay_seconds = 0.0
        if not self._listening:
            self._listener.listen(BACKLOG)
            self._listening = True
        self._admitted.set()
        self._flowing.set()

    def _shut(self):
        self._admitted.clear()
        if self._listening:
            # Stops listening and keeps the port, so that nobody else can take it meanwhile.
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listening = False
        for pair in list(self._pairs):
            self._reset(*pair)

    def _hold(self):
        self._open()
        self._flowing.clear()

    def _end(self):
        self._shut()
        self._accepting.cancel()
        for task in list(self._tasks):
            task.cancel()
        self._listener.close()

    @staticmethod
    def _reset(*writers):
        for writer in writers:
            raw = writer.transport.get_extra_info("socket")
            with contextlib.suppress(OSError, AttributeError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            writer.transport.abort()

    async def _accept(self):
        loop = asyncio.get_running_loop()
        while True:
            await self._admitted.wait()
            try:
                client, _ = await loop.sock_accept(self._listener)
            except OSError:  # it has stopped listening just now
                await asyncio.sleep(0.01)
                continue
            task = asyncio.ensure_future(self._serve(client))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, client):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        from_client, to_client = await asyncio.open_connection(sock=client, limit=CHUNK_BYTES)
        try:
            await self._flowing.wait()
            from_server, to_server = await asyncio.open_connection(*self.back, limit=CHUNK_BYTES)
        except BaseException as reason:
            self._reset(to_client)
            if isinstance(reason, OSError):  # nobody listens behind
                return
            raise
        pair = (to_client, to_server)
        self._pairs.add(pair)
        try:
            if self._admitted.is_set():
                await asyncio.gather(self._pass_on(from_client, to_server),
                                     self._pass_on(from_server, to_client))
        except OSError:
            pass
        finally:
            self._pairs.discard(pair)
            self._reset(*pair)

    async def _pass_on(self, reader, writer):
        """Bytes of one direction; those read wait for their time in a bounded queue."""
        waiting = asyncio.Queue(CHUNKS_WAITING_MAX)
        writing = asyncio.ensure_future(self._write(waiting, writer))
        try:
            while not writing.done():
                chunk = await reader.read(CHUNK_BYTES)
                await waiting.put((time.monotonic() + self._delay_seconds, chunk))
                if not chunk:
                    break
            await writing
        finally:
            writing.cancel()

    async def _write(self, waiting, writer):
        while True:
            due, chunk = await waiting.get()
            if due > time.monotonic():
                await asyncio.sleep(due - time.monotonic())
            await self._flowing.wait()
            if not chunk:
                with contextlib.suppress(OSError):
                    writer.write_eof()
                return
            writer.write(chunk)
            await writer.drain()
