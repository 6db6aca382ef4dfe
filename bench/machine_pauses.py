"""How long the machine itself stands still while something is measured: what no program on it can help.

On each CPU a process of real-time priority sleeps for 2 ms again and again. Nothing on the machine keeps it from waking in time,
so where it wakes late the CPU was not there: a hypervisor had given it to others. It takes 1 % of each CPU. Needs root.
"""

import json
import os
import select
import subprocess
import sys
import time

SLEEP_SECONDS = 0.002
LONG_MS = 10


class MachinePauses:
    """`with MachinePauses() as pauses: …`, then `pauses.said`: fields for `note`; empty where nobody may watch."""

    def __enter__(self):
        self.said = {}
        self.watchers = [subprocess.Popen([sys.executable, __file__, str(cpu)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                         for cpu in sorted(os.sched_getaffinity(0))]
        return self

    def __exit__(self, *_):
        # Each is told to stop and to say what it saw.
        all_ms = [late_ms for watcher in self.watchers for late_ms in json.loads(watcher.communicate()[0] or "[]")]
        if all(watcher.returncode == 0 for watcher in self.watchers):
            self.said = {"machine_pauses_of_10_ms": sum(late_ms >= LONG_MS for late_ms in all_ms),
                         "machine_pause_max_ms": round(max(all_ms, default=0), 1)}


def watch(cpu):
    """Prints by how many milliseconds it woke late, each time that it was 1 or more, until its input ends."""
    os.sched_setaffinity(0, {cpu})
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
    except PermissionError:
        sys.exit(1)
    late_ms = []
    while not select.select([sys.stdin], [], [], 0)[0]:
        before = time.monotonic()
        time.sleep(SLEEP_SECONDS)
        late = (time.monotonic() - before - SLEEP_SECONDS) * 1000
        if late >= 1:
            late_ms.append(late)
    print(json.dumps(late_ms))


if __name__ == "__main__":
    watch(int(sys.argv[1]))
