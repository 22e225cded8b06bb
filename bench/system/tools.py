"""What the whole-system benchmarks share: running the drivers, reading their figures, counting flushes and CPU."""
import contextlib
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import TypeVar

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))
import stages
from harness.server import BENCH, Server

USERS = 100
DOMAIN = "load.example"
Number = TypeVar("Number", int, float, tuple[int, int])


def say(name: str, value: float | int | str, digits: int = 1) -> None:
    """One figure."""
    print(f"{name}={value:.{digits}f}" if isinstance(value, float) else f"{name}={value}", flush=True)


class Told:
    """Figures that were said, and at the end what was wanted of them."""

    def __init__(self) -> None:
        self.figures: dict[str, float] = {}

    def tell(self, name: str, value: float, digits: int) -> None:
        self.figures[name] = value
        say(name, value, digits)

    def say_targets(self, targets: tuple[tuple[str, str, float], ...]) -> None:
        """Each figure beside what is wanted of it: "most" or "least" so much."""
        for name, way, wanted in targets:
            if name not in self.figures:
                print(f"# {name}: not measured, at {way} {wanted} wanted", flush=True)
                continue
            figure = self.figures[name]
            kept = figure <= wanted if way == "most" else figure >= wanted
            print(f"# {name} {figure:.4g}, at {way} {wanted} wanted: {'yes' if kept else 'NO'}", flush=True)


class Length:
    """How long to measure: brief for the suite's budgets, short for a look, long for figures to keep."""

    def __init__(self, name: str) -> None:
        self.brief, self.long = name == "brief", name == "long"

    def pick(self, brief: Number, short: Number, long: Number) -> Number:
        return brief if self.brief else long if self.long else short


def figures(*command: object, seconds: float = 300) -> dict[str, float]:
    """Runs a driver; the name=value lines that it prints."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stdout}{done.stderr}")
    result = {}
    for line in done.stdout.splitlines():
        name, _, value = line.partition("=")
        with contextlib.suppress(ValueError):
            result[name] = float(value)
    return result


def load(target: str, connections: int, seconds: float, pipelining: str = "commands", *, words: list[str] | None = None,
         **more: object) -> dict[str, float]:
    """Runs smtp_load for some seconds, or as `more` has it (messages=…); `words` as they are."""
    options: dict[str, object] = {"target": target, "connections": connections, "seconds": seconds, "users": USERS, "size": 10240,
                                  "pipelining": pipelining, **more}
    return figures(BENCH / "smtp_load", *[word for name, value in options.items() for word in (f"--{name}", value)], *(words or []))


def written_bytes(pid: int) -> int:
    """What the process has sent to the disk."""
    return int(re.search(r"^write_bytes: (\d+)", pathlib.Path(f"/proc/{pid}/io").read_text(), re.MULTILINE).group(1))


def rss_kib(pid: int) -> float:
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return float(line.split()[1])
    return 0.0


class Syscalls:
    """Counts a process's flushes with perf's tracepoints while it is open; cheap enough to leave the figures alone."""

    def __init__(self, pid: int):
        self.pid = pid
        self.counts: dict[str, int] | None = None

    def __enter__(self) -> "Syscalls":
        self.file = tempfile.NamedTemporaryFile("r", prefix="perf-")
        self.process = None
        if shutil.which("perf"):
            self.process = subprocess.Popen(
                ["perf", "stat", "-x", ",", "-o", self.file.name, "-e", "syscalls:sys_enter_fdatasync,syscalls:sys_enter_fsync",
                 "-p", str(self.pid)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(0.3)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is None:
            return
        self.process.send_signal(2)
        self.process.wait(20)
        counts = {}
        for line in self.file.read().splitlines():
            fields = line.split(",")
            if len(fields) > 2 and fields[0].isdigit():
                counts[fields[2].removeprefix("syscalls:sys_enter_")] = int(fields[0])
        self.file.close()
        self.counts = counts or None

    def flushes(self) -> int | None:
        return None if self.counts is None else sum(self.counts.values())


def server_with_users(users: int = USERS, **more: object) -> Server:
    server = Server(domain=DOMAIN, **more)
    server.add_domain()
    server.add_users(users)
    return server


def processes_cpu(pids: list[int]) -> float:
    """CPU seconds of processes and of their children that have ended."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                words = file.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += sum(int(word) for word in words[11:15])
    return total / 100


def say_stages(name: str, server, seconds: float, work: Callable[[], object]) -> None:
    """Where the server's time goes while some seconds of work are done."""
    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.5)
    for stage, percent in stages.record(server.pid, seconds - 1).items():
        if percent >= 0.5:
            say(f"{name}_cpu_percent_{stage}", percent)
    thread.join()
