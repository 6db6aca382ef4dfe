"""One server process: started, killed, frozen, thawed, stopped, always with all the processes below it.

It ends when the process that started it ends, however that happens.
"""
import concurrent.futures
import contextlib
import ctypes
import os
import pathlib
import signal
import subprocess
import time
from patience import patience

PR_SET_PDEATHSIG = 1
STOP_SECONDS_MAX = 30
LOG_SHOWN = 3000

_libc = ctypes.CDLL(None, use_errno=True)
# The kernel ends a child with the thread that started it; this thread lives as long as the program.
_starter = concurrent.futures.ThreadPoolExecutor(1, "server-starter")


def end_with_parent():
    """For `preexec_fn`."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def parents():
    """Process id → its parent's id, of every process there is."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                # The name, in parentheses, may hold anything.
                found[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    return found


def family(pid):
    """The process and all below it, parents first."""
    found, parent_of = [pid], parents()
    for member in found:
        found += [child for child, parent in parent_of.items() if parent == member]
    return found


def stands_still(pid):
    """Whether none of its threads runs any more: each takes notice of a SIGSTOP by itself, some time after it was sent."""
    with contextlib.suppress(OSError):
        for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                if (thread / "stat").read_text().rpartition(")")[2].split()[0] not in "TtZX":
                    return False
    return True


class Process:
    """Not for two threads at a time."""

    def __init__(self, command, log, environment=None, user=None, folder=None):
        """user: (user id, group id) to run as, or None for one's own."""
        self.command = [str(word) for word in command]
        self.log = pathlib.Path(log)
        self.environment = {**os.environ, **(environment or {})}
        self.user = user
        self.folder = folder
        self.child = None

    @property
    def pid(self):
        return self.child.pid if self.alive() else None

    def alive(self):
        return self.child is not None and self.child.poll() is None

    def start(self):
        if self.alive():
            return
        as_user = {"user": self.user[0], "group": self.user[1], "extra_groups": []} if self.user else {}
        with open(self.log, "ab") as log:
            self.child = _starter.submit(
                subprocess.Popen, self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self.environment, cwd=self.folder, start_new_session=True,
                preexec_fn=end_with_parent, **as_user).result()

    def signal_all(self, number):
        for pid in family(self.child.pid) if self.alive() else []:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def freeze(self):
        """Returns when nothing of it runs any more."""
        if not self.alive():
            return
        stopped = set()
        while True:  # again, because it may have started another meanwhile
            members = set(family(self.child.pid))
            if members <= stopped:
                return wait_until(lambda: all(map(stands_still, members)), STOP_SECONDS_MAX,
                                  "all threads to stand still")
            for pid in members - stopped:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
            stopped |= members

    def thaw(self):
        self.signal_all(signal.SIGCONT)

    def kill(self):
        """kill -9, all at once: nobody below notices first and ends in order."""
        if not self.alive():
            return
        self.freeze()
        members = family(self.child.pid)
        self.signal_all(signal.SIGKILL)
        self.child.wait()
        wait_until(lambda: not any(is_running(pid) for pid in members), STOP_SECONDS_MAX,
                   "the killed processes to end")

    def stop(self, number=signal.SIGTERM, seconds_max=STOP_SECONDS_MAX):
        """Asks it to end, and kills it when it takes too long."""
        if not self.alive():
            return
        self.thaw()
        self.child.send_signal(number)
        try:
            self.child.wait(seconds_max)
        except subprocess.TimeoutExpired:
            self.kill()

    def log_end(self):
        try:
            return self.log.read_text(errors="replace")[-LOG_SHOWN:]
        except OSError:
            return ""


def is_running(pid):
    """There is such a process, and it is more than an entry that its parent has not yet read."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_until(good, seconds_max, what, every=0.05):
    """Polls a condition that nobody tells us of; it may raise OSError while it can't be judged."""
    seconds_max = patience(seconds_max)
    ends = time.monotonic() + seconds_max
    last = None
    while time.monotonic() < ends:
        try:
            if good():
                return
            last = None
        except OSError as error:
            last = error
        time.sleep(every)
    raise TimeoutError(f"waited {seconds_max} s for {what}{f': {last}' if last else ''}")
