"""A real server for a benchmark: of tests/servers, without the relay that tests put before it; and drivers to compare with."""

import contextlib
import json
import subprocess
import sys

from measuring import OUT, ROOT, tree


class RealServer:
    """What `serve` says of it, by name; `cpu()` is what it has used so far, in seconds."""

    def __init__(self, known, process):
        self.known, self.process = known, process

    def __getitem__(self, name):
        return self.known[name]

    @property
    def address(self):
        return self.known["addresses"][0]

    def cpu(self):
        return sum(tree(pid)[0] for pid in self.known["pids"])

    def tell(self, verb):
        """`freeze`, `thaw` and the like: tests/servers/serve --help."""
        self.process.stdin.write(verb + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if answer != "ok":
            sys.exit(f"{self.known['name']}: {verb}: {answer}")


@contextlib.contextmanager
def real_server(name):
    """It ends with us."""
    process = subprocess.Popen([ROOT / "tests" / "servers" / "serve", name, "--direct"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        if not line.startswith("{"):
            sys.exit(f"there is no {name} here: {line.strip()}")
        yield RealServer(json.loads(line), process)
    finally:
        process.stdin.close()
        process.wait()


def install_driver(package, version):
    """A Python package for comparison, in a folder of its own, importable afterwards."""
    home = OUT / f"{package}-{version}"
    if not home.is_dir():
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--target", home, f"{package}=={version}"],
                       check=True)
    sys.path.insert(0, str(home))
    return home
