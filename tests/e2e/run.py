"""Runs the end-to-end tests: tests/e2e/run.py [--jobs N] [NAME…], a NAME being a part of a test's full name. Says the counts at
the end.

With --jobs, so many classes run at once, each in a process of its own; they have servers of their own. Those with ALONE = True
measure something, and run one by one afterwards; those with LONG = True wait for long, and begin first.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import traceback
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "faults")]


class Result(unittest.TestResult):
    def __init__(self) -> None:
        super().__init__()
        self.passed = 0
        self.begun = 0.0

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self.begun = time.monotonic()

    def say(self, word: str, test: object, why: str = "") -> None:
        print(f"{word:7} {time.monotonic() - self.begun:6.2f} s  {getattr(test, 'id', lambda: str(test))()}{why}", flush=True)

    def addSuccess(self, test: unittest.TestCase) -> None:
        self.passed += 1
        self.say("passed", test)

    def addFailure(self, test: unittest.TestCase, err: object) -> None:
        super().addFailure(test, err)
        self.say("FAILED", test, "\n" + "".join(traceback.format_exception(*err)))

    def addError(self, test: unittest.TestCase, err: object) -> None:
        super().addError(test, err)
        self.say("FAILED", test, "\n" + "".join(traceback.format_exception(*err)))

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        super().addSkip(test, reason)
        self.say("skipped", test, f": {reason}")

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: object) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.say("FAILED", subtest, "\n" + "".join(traceback.format_exception(*err)))


def tests_of(suite: unittest.TestSuite) -> list[unittest.TestCase]:
    return [one for test in suite for one in (tests_of(test) if isinstance(test, unittest.TestSuite) else [test])]


def run_class(name: str, folder: str) -> dict[str, object]:
    """The counts of one class, run in another process."""
    with tempfile.TemporaryDirectory() as place:
        result = pathlib.Path(place) / "result.json"
        done = subprocess.run([sys.executable, __file__, "--folder", folder, "--json", str(result), f"{name}."],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
        lines = done.stdout.splitlines()
        print("\n".join(lines[:-1]), flush=True)
        if result.exists():
            return json.loads(result.read_text())
    return {"passed": 0, "failed": 1, "skipped": 0, "words": [f"FAILED {name}: exit status {done.returncode}"]}


def run_classes(tests: list[unittest.TestCase], options: argparse.Namespace) -> dict[str, object]:
    """Each test's class in a process of its own, options.jobs at once."""
    classes: dict[str, int] = {}
    alone, long = set(), set()
    for test in tests:
        name = test.id().rsplit(".", 1)[0]
        classes[name] = classes.get(name, 0) + 1
        if getattr(test, "ALONE", False):
            alone.add(name)
        if getattr(test, "LONG", False):
            long.add(name)
    together = sorted(classes.keys() - alone, key=lambda name: (name not in long, -classes[name]))
    total = {"passed": 0, "failed": 0, "skipped": 0, "words": []}
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        counts = list(pool.map(lambda name: run_class(name, options.folder), together))
    counts += [run_class(name, options.folder) for name in sorted(alone)]
    for one in counts:
        for what, value in one.items():
            total[what] += value
    return total


def run_here(tests: list[unittest.TestCase]) -> dict[str, object]:
    result = Result()
    unittest.TestSuite(tests).run(result)
    # A class or module whose preparation failed or was skipped is said once, and counts for one.
    broken = result.failures + result.errors
    words = [f"FAILED {test.id()}\n    " + text.strip().replace("\n", "\n    ") for test, text in broken]
    words += [f"skipped {test.id()}: {reason}" for test, reason in result.skipped]
    return {"passed": result.passed, "failed": len(broken), "skipped": len(result.skipped), "words": words}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--folder", default="e2e", choices=["e2e", "faults"])
    parser.add_argument("--jobs", type=int, default=1, help="classes that run at once")
    parser.add_argument("--json", help="write the counts and what failed to this file")
    options = parser.parse_args()
    suite = unittest.defaultTestLoader.discover(str(HERE.parent / options.folder), pattern="test_*.py",
                                                top_level_dir=str(HERE.parent / options.folder))
    wanted = [test for test in tests_of(suite) if not options.names or any(name in test.id() for name in options.names)]
    counts = run_classes(wanted, options) if options.jobs > 1 else run_here(wanted)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(counts))
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped", flush=True)
    return 1 if counts["failed"] or (counts["passed"] == 0 and not counts["skipped"]) else 0


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
