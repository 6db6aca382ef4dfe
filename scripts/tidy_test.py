"""Feeds scripts/tidy trees that each break one rule, and expects that finding and no other."""
import importlib.machinery
import importlib.util
import pathlib
import subprocess
import sys
import tempfile
import unittest

TIDY = pathlib.Path(__file__).resolve().parent / "tidy"
loader = importlib.machinery.SourceFileLoader("tidy", str(TIDY))
sys.dont_write_bytecode = True
tidy = importlib.util.module_from_spec(importlib.util.spec_from_loader("tidy", loader))
loader.exec_module(tidy)

ARCHITECTURE = """# Architecture

## Layers

| folder | holds | may include |
|---|---|---|
| `base` | errors | – |
| `io` | files | base |
| `connector` | systems | base, `io/file.h` |
| `app` | main | all |

## Libraries

| headers | layers |
|---|---|
| `rocksdb/` | io |
"""

CLEAN = {
    "ARCHITECTURE.md": ARCHITECTURE,
    "README.md": "Type `make run`, or:\n\n```\nleat run x.yaml --data d   # ends at once\n```\n[a](docs/a.md)\n",
    "Makefile": "run: build\nbuild:\n",
    "src/CMakeLists.txt": "leat_layer(base)\nleat_layer(io DEPS base)\nleat_layer(connector)\nleat_layer(app)\n",
    "src/base/error.h": "#pragma once\n",
    "src/io/file.h": '#pragma once\n#include <rocksdb/db.h>\n#include "base/error.h"\n',
    "src/io/file.cc": '#include "io/file.h"\n',
    "src/app/main.cc": 'void f() {\n  app.add_subcommand("run");\n  run.add_option("--data");\n}\n',
    "docs/a.md": "# A\n",
}


def findings(changes):
    """Rules and files found in the clean tree with these files put in (or, as None, taken out)."""
    with tempfile.TemporaryDirectory() as root:
        for name, text in {**CLEAN, **changes}.items():
            if text is not None:
                path = pathlib.Path(root, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        said = subprocess.run([sys.executable, TIDY, "--root", root, "--program", ""], text=True,
                              capture_output=True, check=False)
        found = []
        for line in said.stdout.splitlines():
            parts = line.split(": ")
            if len(parts) > 2 and not line.startswith("tidy:"):
                found.append((parts[1], parts[0].rsplit(":", 1)[0]))
        if bool(found) != (said.returncode == 1):
            raise AssertionError(f"exit {said.returncode}: {said.stdout}{said.stderr}")
        return found


class TidyTest(unittest.TestCase):
    def expect(self, rule, name, text, **more):
        changes = {name: text, **more}
        self.assertEqual(findings(changes), [(rule, name)])

    def test_nothing_in_a_clean_tree(self):
        self.assertEqual(findings({}), [])

    def test_an_upward_include(self):
        self.expect("layers", "src/base/a.cc", '#include "io/file.h"\n')

    def test_a_layer_that_the_table_does_not_know(self):
        self.expect("layers", "src/new/a.cc", "int a;\n",
                    **{"src/CMakeLists.txt": CLEAN["src/CMakeLists.txt"] + "leat_layer(new)\n"})

    def test_a_single_header_of_a_layer_may_be_named(self):
        self.assertEqual(findings({"src/connector/a.cc": '#include "io/file.h"\n'}), [])
        self.assertEqual(findings({"src/io/other.h": "#pragma once\n",
                                   "src/connector/a.cc": '#include "io/other.h"\n'}),
                         [("layers", "src/connector/a.cc")])

    def test_a_sibling(self):
        self.expect("layers", "src/connector/http/a.cc", '#include "connector/file/a.h"\n',
                    **{"src/connector/file/a.h": "#pragma once\n"})

    def test_a_foreign_library(self):
        self.expect("libraries", "src/base/a.cc", "#include <rocksdb/db.h>\n")

    def test_a_table_that_is_gone(self):
        text = ARCHITECTURE.replace("## Libraries", "## Other")
        self.expect("architecture", "ARCHITECTURE.md", text)

    def test_a_long_function(self):
        body = "  x();\n" * 70
        self.expect("function-length", "src/io/a.cc", "namespace a {\nint f(int b)\n    const {\n" + body + "}\n}\n")

    def test_a_long_function_in_python(self):
        self.expect("function-length", "scripts/a.py", "def f():\n" + "    x()\n" * 70)

    def test_a_long_class_of_short_functions_passes(self):
        body = "".join(f"  void f{i}() {{\n    x();\n  }}\n" for i in range(60))
        self.assertEqual(findings({"src/io/a.cc": "class A : public B {\n" + body + "};\n"}), [])

    def test_braces_in_text_are_none(self):
        text = "void f() {\n  a = \"{\";\n  b = '{';  // {\n  c = R\"x({{)x\";\n  n = 1'000;\n}\n"
        self.assertEqual(list(tidy.cpp_functions(text)), [(1, 6)])

    def test_constructors_and_operators_are_functions(self):
        text = "A::A(int b)\n    : b_(b) {\n}\nbool operator==(A, B) {\n}\nint x[] = {1, 2};\n"
        self.assertEqual(list(tidy.cpp_functions(text)), [(1, 3), (4, 5)])

    def test_a_long_file(self):
        self.expect("file-length", "src/io/a.cc", "int a;\n" * 501)

    def test_a_long_line(self):
        self.expect("columns", "src/io/a.cc", "// " + "a" * 98 + "\n")

    def test_a_header_without_pragma_once(self):
        self.expect("pragma-once", "src/io/a.h", "int a;\n", **{"src/io/a.cc": '#include "io/a.h"\n'})

    def test_a_drawer(self):
        self.expect("names", "src/io/file_utils.cc", "int a;\n")
        self.expect("names", "src/io/helpers/file.cc", "int a;\n")

    def test_a_source_that_nothing_builds(self):
        self.expect("built", "tests/a/main.cc", "int main() {}\n")
        self.assertEqual(findings({"tests/a/main.cc": "int main() {}\n",
                                   "tests/CMakeLists.txt": "add_executable(a a/main.cc)\n"}), [])

    def test_a_header_that_nobody_includes(self):
        self.expect("dead", "src/io/a.h", "#pragma once\n")

    def test_unfinished_work(self):
        self.expect("unfinished", "src/io/a.cc", "// TO" + "DO: more\n")

    def test_a_registry(self):
        self.expect("registry", "web/a.json", '"https://registry.' + 'npmjs.org/a"\n')

    def test_a_test_that_nothing_runs(self):
        self.expect("tests", "tests/a_test.py", "a = 1\n")
        self.assertEqual(findings({"tests/a_test.py": "a = 1\n", "scripts/test": "#!a\n'tests/a_test.py'\n"}), [])

    def test_a_broken_link_and_a_lost_document(self):
        self.expect("links", "docs/a.md", "[b](b.md)\n")
        self.expect("links", "docs/b.md", "# B\n")

    def test_commands_of_the_readme(self):
        link = "[a](docs/a.md)\n"
        for text in ("`make nothing`", "```\nleat nothing\n```", "```\nleat run --nothing\n```"):
            self.expect("commands", "README.md", text + "\n" + link)

    def test_an_exception_and_a_stale_one(self):
        line = "columns src/io/a.cc a table that is read across\n"
        self.assertEqual(findings({"src/io/a.cc": "// " + "a" * 98 + "\n", "scripts/tidy-exceptions": line}), [])
        self.expect("exceptions", "scripts/tidy-exceptions", line)

    def test_an_exception_without_a_reason(self):
        self.assertEqual(findings({"src/io/a.cc": "// " + "a" * 98 + "\n",
                                   "scripts/tidy-exceptions": "columns src/io/a.cc\n"}),
                         [("exceptions", "scripts/tidy-exceptions"), ("columns", "src/io/a.cc")])

    def test_code_that_is_not_laid_out(self):
        if not tidy.shutil.which("clang-format-14"):
            self.skipTest("clang-format-14 is not there")
        layout = "BasedOnStyle: Google\nSortIncludes: Never\nMaxEmptyLinesToKeep: 9\nColumnLimit: 0\n"
        self.expect("layout", "src/io/a.cc", "int   a;\n", **{".clang-format": layout})

    def test_a_reference_that_is_not_fresh(self):
        with tempfile.TemporaryDirectory() as root:
            program = pathlib.Path(root, "leat")
            program.write_text("#!/bin/sh\necho new > $2/a.md\n")
            program.chmod(0o755)
            pathlib.Path(root, "docs/reference").mkdir(parents=True)
            pathlib.Path(root, "docs/reference/a.md").write_text("old\n")
            tree = tidy.Tree(pathlib.Path(root), str(program))
            tidy.check_reference(tree)
            self.assertEqual([f[:2] for f in tree.findings], [("reference", "docs/reference/a.md")])
            pathlib.Path(root, "docs/reference/a.md").write_text("new\n")
            tree = tidy.Tree(pathlib.Path(root), str(program))
            tidy.check_reference(tree)
            self.assertEqual(tree.findings, [])


if __name__ == "__main__":
    unittest.main()
