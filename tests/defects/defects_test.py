#!/usr/bin/env python3
"""Shows that the tests can fail: each patch here plants a fault in a copy of the tree, and the tests that it names must catch it.

usage: defects_test.py [--plant [NAME…]]

Without --plant: only that each patch still fits the tree and names tests that there are. With it (`make defects`): builds the
copy in build-defects/, sees that the named tests pass, and then, patch by patch, that they fail.
A patch begins with what is wrong, in words, and a line `caught-by: PROGRAM ARGUMENTS…` for each test; tests are run in tests/sql.
"""
import os
import pathlib
import shutil
import subprocess
import sys

PROJECT = pathlib.Path(__file__).resolve().parent.parent.parent
PATCHES = pathlib.Path(__file__).resolve().parent
TREE = PROJECT / "build-defects" / "tree"
SECONDS_MAX = 600


def catchers(patch):
    return [line.removeprefix("caught-by: ").split() for line in patch.read_text().splitlines()
            if line.startswith("caught-by: ")]


def apply(patch, tree, *options):
    with open(patch, encoding="utf-8") as text:
        return subprocess.run(["patch", "--strip=1", "--force", "--silent", "--reject-file=-", "--no-backup-if-mismatch",
                               *options, "--directory", tree], stdin=text, capture_output=True, text=True, check=False)


def fault_of(patch):
    """Why a patch can't be planted, or None."""
    tests = catchers(patch)
    if not tests:
        return "names no test that catches it (caught-by: …)"
    known = (PROJECT / "src" / "CMakeLists.txt").read_text() + (PROJECT / "tests" / "sql" / "CMakeLists.txt").read_text() + \
        (PROJECT / "tests" / "faults" / "CMakeLists.txt").read_text()
    for test in tests:
        if test[0].removesuffix("_test") not in known:
            return f"names the program {test[0]}, which is not built"
        for argument in test[1:]:
            if argument.endswith(".test") and not (PROJECT / "tests" / "sql" / argument).exists():
                return f"names {argument}, which is not in tests/sql"
    tried = apply(patch, PROJECT, "--dry-run")
    return None if tried.returncode == 0 else f"does not fit the tree any more: {(tried.stdout + tried.stderr).strip()}"


def copy_tree():
    """The project's files as they are now; those that did not change stay untouched, and so does what was built of them."""
    said = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                          cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, said.split("\0")):
        source, target = PROJECT / name, TREE / name
        if not source.is_file():
            continue
        if target.exists() and target.read_bytes() == source.read_bytes():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    cache = TREE / ".cache"
    if not cache.is_symlink():
        cache.symlink_to(PROJECT / ".cache")
    subprocess.run(["cmake", "--preset", "release", "-DLEAT_TESTS=ON"], cwd=TREE, check=True, stdout=subprocess.DEVNULL)


def build(programs):
    jobs = os.environ.get("LEAT_JOBS", str(os.cpu_count()))
    built = subprocess.run(["cmake", "--build", TREE / "build", "--parallel", jobs, "--target", *sorted(programs)],
                           capture_output=True, text=True, check=False)
    if built.returncode != 0:
        print(built.stdout[-3000:])
        raise SystemExit("defects: the copy does not build (see above)")


def passes(test):
    program = next(path for path in (TREE / "build").rglob(test[0]) if path.is_file() and os.access(path, os.X_OK))
    try:
        return subprocess.run([program, *test[1:]], cwd=TREE / "tests" / "sql", timeout=SECONDS_MAX, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def plant(patches):
    copy_tree()
    tests = {tuple(test) for patch in patches for test in catchers(patch)}
    build({test[0] for test in tests})
    broken = [" ".join(test) for test in sorted(tests) if not passes(test)]
    if broken:
        raise SystemExit("defects: without any fault these fail: " + "; ".join(broken))
    missed = 0
    for patch in patches:
        planted = apply(patch, TREE)
        if planted.returncode != 0:
            raise SystemExit(f"defects: {patch.name}: {planted.stdout}{planted.stderr}")
        try:
            build({test[0] for test in catchers(patch)})
            uncaught = [" ".join(test) for test in catchers(patch) if passes(test)]
        finally:
            apply(patch, TREE, "--reverse")
        missed += bool(uncaught)
        print(f"not ok {patch.stem}: not caught by {'; '.join(uncaught)}" if uncaught else f"ok {patch.stem}", flush=True)
    return missed


def main(arguments):
    patches = sorted(PATCHES.glob("*.patch"))
    if arguments[:1] == ["--plant"]:
        unknown = set(arguments[1:]) - {patch.stem for patch in patches}
        if unknown:
            raise SystemExit(f"defects: there is no patch {', '.join(sorted(unknown))}")
        patches = [patch for patch in patches if not arguments[1:] or patch.stem in arguments[1:]]
        failed = plant(patches)
    elif arguments:
        raise SystemExit(__doc__)
    else:
        faults = [(patch, fault_of(patch)) for patch in patches]
        for patch, fault in faults:
            if fault:
                print(f"not ok {patch.name}: {fault}")
        failed = sum(fault is not None for _, fault in faults)
    print(f"{len(patches) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed or not patches else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
