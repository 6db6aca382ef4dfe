"""Tests how scripts/test judges tests and counts their cases."""
import importlib.machinery
import importlib.util
import json
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("test", str(pathlib.Path(__file__).resolve().parent / "test"))
runner = importlib.util.module_from_spec(importlib.util.spec_from_loader("test", loader))
loader.exec_module(runner)
Count = runner.Count


class JudgeTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        runner.LOGS = pathlib.Path(folder.name)

    def run_shell(self, script, **more):
        outcome = runner.run(runner.Test("it", ["sh", "-c", script], **more))
        return outcome.count, outcome.reasons

    def test_a_test_without_a_count_is_one_case(self):
        self.assertEqual(self.run_shell("true"), (Count(1, 0, 0), []))
        self.assertEqual(self.run_shell("exit 3"), (Count(0, 1, 0), ["exit code 3"]))

    def test_a_skipped_test_says_why(self):
        self.assertEqual(self.run_shell("echo a; echo skipped: no network; exit 77"),
                         (Count(0, 0, 1), ["no network"]))

    def test_a_test_that_takes_too_long_or_is_killed_fails(self):
        self.assertEqual(self.run_shell("sleep 60", seconds_max=1),
                         (Count(0, 1, 0), ["took longer than 1 s"]))
        self.assertEqual(self.run_shell("kill -SEGV $$"), (Count(0, 1, 0), ["killed by SIGSEGV"]))

    def test_a_program_that_is_not_there_fails(self):
        outcome = runner.run(runner.Test("it", ["/nowhere/program"]))
        self.assertEqual(outcome.count, Count(0, 1, 0))

    def test_a_good_count_does_not_hide_a_bad_end(self):
        count, reasons = self.run_shell("echo 5 passed, 0 failed, 0 skipped; exit 1")
        self.assertEqual((count, reasons), (Count(5, 1, 0), ["exit code 1"]))

    def test_a_good_end_does_not_hide_a_failed_case(self):
        count, _ = self.run_shell("echo 5 passed, 2 failed, 0 skipped")
        self.assertEqual(count, Count(5, 2, 0))

    def test_what_is_shown_begins_at_the_first_fault(self):
        lines = ["ok 1", "not ok 2 - counts", "  expected 3", *(f"ok {n}" for n in range(3, 200))]
        shown = runner.telling_lines(lines)
        self.assertEqual(shown[:2], lines[1:3])
        self.assertEqual(shown[-runner.FAILED_LINES_SHOWN:], lines[-runner.FAILED_LINES_SHOWN:])
        self.assertEqual(runner.telling_lines(lines[:10]), lines[1:10])
        self.assertEqual(runner.telling_lines(["ok 1", "FAILED: it is there", "ok 2"]), ["FAILED: it is there", "ok 2"])
        self.assertEqual(runner.telling_lines(["it began", "it ended"]), ["it began", "it ended"])

    def test_googletest_cases(self):
        cases = [{"name": "a", "status": "RUN", "result": "COMPLETED"},
                 {"name": "b", "status": "RUN", "result": "SKIPPED"},
                 {"name": "c", "status": "RUN", "result": "COMPLETED", "failures": [{}]},
                 {"name": "d", "status": "NOTRUN", "result": "SUPPRESSED"}]
        written = json.dumps({"testsuites": [{"name": "S", "testsuite": cases}]})
        count, reasons = self.run_shell(f"echo '{written}' > ${{GTEST_OUTPUT#json:}}; exit 1")
        self.assertEqual((count, reasons), (Count(1, 1, 1), ["S.c"]))

    def test_what_was_started_ends_with_the_test(self):
        mark = runner.LOGS / "mark"
        self.run_shell(f"(sleep 0.5; touch {mark}) & exit 0")
        self.run_shell("sleep 1")
        self.assertFalse(mark.exists())


class CasesSaidTest(unittest.TestCase):
    def test_counts_of_each_kind(self):
        said = {
            "# tests 4\n# suites 0\n# pass 2\n# fail 1\n# cancelled 0\n# skipped 1\n": Count(2, 1, 1),
            "ℹ tests 2\nℹ pass 2\nℹ fail 0\nℹ skipped 0\n": Count(2, 0, 0),
            " Test Files  3 passed (3)\n      Tests  1 failed | 40 passed (41)\n": Count(40, 1, 0),
            "Ran 7 tests in 0.1s\n\nOK (skipped=2)\n": Count(5, 0, 2),
            "Ran 7 tests in 0.1s\n\nFAILED (failures=1, errors=1)\n": Count(5, 2, 0),
            "9 passed, 0 failed, 1 skipped\n": Count(9, 0, 1),
        }
        for output, count in said.items():
            self.assertEqual(runner.cases_said(output), count, output)

    def test_no_count(self):
        self.assertIsNone(runner.cases_said("all is well\n"))
        self.assertIsNone(runner.cases_said("9 passed, 0 failed, 1 skipped\nand then it went on\n"))


if __name__ == "__main__":
    unittest.main()
