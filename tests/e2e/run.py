"""Runs the end-to-end tests: tests/e2e/run.py [-v] [NAME…], a NAME being a file's, class's or test's. Says the counts at the end."""
import argparse
import json
import os
import pathlib
import sys
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


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--folder", default="e2e", choices=["e2e", "faults"])
    parser.add_argument("--json", help="write the counts and what failed to this file")
    options = parser.parse_args()
    suite = unittest.defaultTestLoader.discover(str(HERE.parent / options.folder), pattern="test_*.py",
                                                top_level_dir=str(HERE.parent / options.folder))
    wanted = unittest.TestSuite()

    def take(tests: unittest.TestSuite) -> None:
        for test in tests:
            if isinstance(test, unittest.TestSuite):
                take(test)
            elif not options.names or any(name in test.id() for name in options.names):
                wanted.addTest(test)
    take(suite)
    result = Result()
    wanted.run(result)
    # A class or module whose preparation failed or was skipped is said once, and counts for one.
    broken = result.failures + result.errors
    words = [f"FAILED {test.id()}\n    " + text.strip().replace("\n", "\n    ") for test, text in broken]
    words += [f"skipped {test.id()}: {reason}" for test, reason in result.skipped]
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps({"passed": result.passed, "failed": len(broken),
                                                          "skipped": len(result.skipped), "words": words}))
    print(f"{result.passed} passed, {len(broken)} failed, {len(result.skipped)} skipped", flush=True)
    return 1 if broken or (result.passed == 0 and not result.skipped) else 0


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
