"""Load on the contracts' two ends: clients that push to Leat, and writers that put rows into a source's system.

Both repeat what they don't know the fate of until they know it, so that what they hold is exactly what must arrive.
"""
import contextlib
import http.client
import json
import threading
import time

import leat_program

KEYS = 23
BATCH = 5
PAUSE_SECONDS = 0.012
RETRY_SECONDS = 0.05


class Load(threading.Thread):
    """Runs only within `with load:`; leaving that waits until everything that was sent is known to have arrived."""

    def __init__(self, name):
        super().__init__(name=name, daemon=True)
        self.number = 0
        self.rows = []  # that have arrived
        self.faults = []
        self.running = threading.Event()
        self.idle = threading.Event()
        self.idle.set()
        self.start()

    def __enter__(self):
        self.idle.clear()
        self.running.set()
        return self

    def __exit__(self, *reason):
        self.running.clear()
        if not reason[0] and not self.idle.wait(60):
            raise AssertionError(f"{self.name}: nobody has taken its rows for a minute")
        return False

    def run(self):
        while self.running.wait():
            while self.running.is_set():
                self.send(self.take())
                time.sleep(PAUSE_SECONDS)
            self.idle.set()

    def take(self, count=BATCH):
        first, self.number = self.number, self.number + count
        return [self.make(number) for number in range(first, first + count)]

    def make(self, number):
        raise NotImplementedError

    def send(self, rows):
        raise NotImplementedError


class PushLoad(Load):
    """Pushes to the topic `events`."""

    def __init__(self, port):
        self.client = leat_program.Client(port, timeout=30)
        super().__init__("push")

    def make(self, number):
        return {"id": f"{number:06}", "k": f"k{number % KEYS}", "n": number, "note": f"the row Nº {number}"}

    def send(self, rows):
        headers = {"Idempotency-Key": rows[0]["id"]}
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException, json.JSONDecodeError):
                status, answer = self.client.push("events", rows, headers)
                if status == 200:
                    break
                if status != 503:
                    self.faults.append(f"{status} {answer}")
                    return
            time.sleep(RETRY_SECONDS)
        self.rows += rows


class WriteLoad(Load):
    """Writes to a source's system."""

    def __init__(self, system, origin, pause_seconds):
        self.system, self.origin, self.pause_seconds = system, origin, pause_seconds
        super().__init__("write")

    def make(self, number):
        return {"id": f"{number:06}", "n": str(number)}

    def send(self, rows):
        while True:
            try:
                self.system.write(self.origin, rows)
                break
            except OSError:
                time.sleep(RETRY_SECONDS)
        self.rows += rows
        time.sleep(self.pause_seconds)
