"""What a stage of the suite is: a name, a run, and honest counts of what passed, failed and was skipped."""
import dataclasses
import json
import os
import pathlib
import signal
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LOGS = ROOT / "build" / "test-logs"
JOBS = os.cpu_count() or 2


@dataclasses.dataclass
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    words: list[str] = dataclasses.field(default_factory=list)  # what failed or was skipped, and why

    def add(self, other: "Counts") -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.words += other.words


def passed(count: int = 1) -> Counts:
    return Counts(passed=count)


def failed(why: str) -> Counts:
    return Counts(failed=1, words=[f"FAILED {why}"])


def skipped(why: str) -> Counts:
    return Counts(skipped=1, words=[f"skipped {why}"])


def run(name: str, command: list[str], *, seconds: float, environment: dict[str, str] | None = None) -> int | None:
    """Runs a command, its output in a log of this name. Its exit status, or None where it took too long and was ended."""
    LOGS.mkdir(parents=True, exist_ok=True)
    with open(LOGS / f"{name}.log", "wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                   env={**os.environ, **(environment or {})}, start_new_session=True)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            return None


def log_tail(name: str, lines: int = 60) -> str:
    text = (LOGS / f"{name}.log").read_text(errors="replace").splitlines()
    return "\n".join("    " + line for line in text[-lines:])


def log_grep(name: str, *words: str, at_most: int = 40) -> str:
    """The lines of a log that hold one of these words; its tail where none does."""
    text = (LOGS / f"{name}.log").read_text(errors="replace").splitlines()
    hits = [line for line in text if any(word in line for word in words)]
    return "\n".join("    " + line for line in hits[:at_most]) if hits else log_tail(name)


def simple(name: str, command: list[str], *, seconds: float, environment: dict[str, str] | None = None) -> Counts:
    """A command that is one test: it passed if its exit status is 0."""
    status = run(name, command, seconds=seconds, environment=environment)
    if status == 0:
        return passed()
    return failed(f"{name}: " + ("took too long" if status is None else f"exit status {status}") + "\n" + log_tail(name))


def gtest_counts(file: pathlib.Path) -> Counts:
    """What a GoogleTest program wrote with --gtest_output=json."""
    counts = Counts()
    for suite in json.loads(file.read_text())["testsuites"]:
        for case in suite["testsuite"]:
            name = f"{suite['name']}.{case['name']}"
            if case.get("failures"):
                counts.add(failed(f"{file.stem} {name}\n    " + case["failures"][0]["failure"][:2000].replace("\n", "\n    ")))
            elif case.get("result") == "SKIPPED" or case.get("status") == "NOTRUN":
                why = [s.get("message", "") for s in case.get("skipped", [])]
                words = why[0].strip().splitlines()[-1] if why and why[0].strip() else "no reason given"
                counts.add(skipped(f"{file.stem} {name}: {words}"))
            else:
                counts.passed += 1
    return counts
