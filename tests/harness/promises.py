"""Who promised what: the load driver's log beside what the mailboxes hold. The heart of the fault tests.

smtp_load notes each message that it tries (number, SHA-256, users whose RCPT was accepted) and each 250 after the data. A promised
message must be in each of its mailboxes exactly once, octet by octet. One in doubt (the server died before its answer came) may be
there or not, but whole, at most once, and for all of its users or for none. Nothing else may be there."""
import dataclasses
import hashlib
import pathlib
import re
import signal
import socket
import subprocess

from harness.server import BENCH, PASSWORD, Server


@dataclasses.dataclass
class Tried:
    hash: str
    users: list[int]
    promised: bool = False


class Load:
    """A running load driver and its log."""

    def __init__(self, server: Server, *, first: int, seed: int, connections: int = 16, users: int = 16, size_from: int = 300,
                 size: int = 60_000, recipients: int = 3, pipelining: str = "full", listener: str = "smtp", domain: str = "",
                 more: tuple[str, ...] = ()):
        self.log = server.folder / f"load-{first}.log"
        self.said = server.folder / f"load-{first}.out"
        with open(self.said, "wb") as said:
            self.process = subprocess.Popen(
                [str(BENCH / "smtp_load"), "--target", f"{server.address}:{server.ports[listener]}", "--connections",
                 str(connections), "--seconds", "1000000", "--users", str(users), "--domain", domain or server.domain, "--size-from",
                 str(size_from), "--size", str(size), "--recipients", str(recipients), "--pipelining", pipelining, "--log",
                 str(self.log), "--seed", str(seed), "--first", str(first), "--reconnect", "--chunking", *more],
                stdout=said, stderr=said)

    def stop(self) -> dict[int, Tried]:
        """Lets it finish what is under way; what it tried, by number."""
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        if status != 0:
            raise AssertionError(f"the load driver failed: {self.said.read_text()}")
        return read_log(self.log)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def read_log(log: pathlib.Path) -> dict[int, Tried]:
    tried: dict[int, Tried] = {}
    if not log.exists():
        return tried
    for line in log.read_text(errors="replace").splitlines():
        word, number, *rest = line.split(" ")
        if word == "tried":
            tried[int(number)] = Tried(rest[0], [int(user) for user in rest[1:]])
        elif word == "promised":
            tried[int(number)].promised = True
    return tried


class FastPop3:
    """A POP3 client for many messages: asks for them in bulk and hands out octets."""

    def __init__(self, server: Server, user: int, password: str = PASSWORD, timeout: float = 60):
        self.socket = socket.create_connection((server.address, server.ports["pop3"]), timeout)
        self.file = self.socket.makefile("rb", buffering=1 << 20)
        self.line()
        self.command(f"USER user{user}@{server.domain}")
        self.command(f"PASS {password}")

    def line(self) -> bytes:
        line = self.file.readline()
        if not line.startswith(b"+OK"):
            raise AssertionError(f"POP3 said {line!r}")
        return line

    def command(self, words: str) -> bytes:
        self.socket.sendall(words.encode() + b"\r\n")
        return self.line()

    def count(self) -> int:
        return int(self.command("STAT").split()[1])

    def messages(self, count: int):
        """Each message as it was before stuffing."""
        window = 50
        for first in range(1, count + 1, window):
            last = min(first + window - 1, count)
            self.socket.sendall(b"".join(b"RETR %d\r\n" % n for n in range(first, last + 1)))
            for _ in range(first, last + 1):
                self.line()
                pieces = []
                while (line := self.file.readline()) != b".\r\n":
                    if not line:
                        raise EOFError("POP3 closed in the middle of a message")
                    pieces.append(line[1:] if line.startswith(b".") else line)
                yield b"".join(pieces)

    def delete(self, count: int) -> None:
        self.socket.sendall(b"".join(b"DELE %d\r\n" % n for n in range(1, count + 1)))
        for _ in range(count):
            self.line()

    def quit(self) -> None:
        self.command("QUIT")
        self.close()

    def close(self) -> None:
        self.file.close()
        self.socket.close()


def recognise(message: bytes) -> tuple[int, str]:
    """The number and hash of a message of the load driver; -1 where it is none."""
    begin = re.search(rb"^X-Load: (\d{16})\r\n", message, re.MULTILINE)
    if begin is None:
        return -1, ""
    return int(begin.group(1)), hashlib.sha256(message[begin.start():]).hexdigest()


@dataclasses.dataclass
class Verdict:
    promised: int = 0
    found: int = 0
    in_doubt: int = 0
    in_doubt_found: int = 0
    deleted: int = 0
    wrong: list[str] = dataclasses.field(default_factory=list)

    def text(self) -> str:
        return (f"{self.promised} promised, {self.in_doubt} in doubt ({self.in_doubt_found} of them there), {self.found} copies "
                f"found, {self.deleted} deleted, {len(self.wrong)} wrong")


def verify(server: Server, tried: dict[int, Tried], users: int, *, deleted: set[tuple[int, int]] | None = None,
           maybe_deleted: set[tuple[int, int]] | None = None, clear: bool = False) -> Verdict:
    """Reads every mailbox and compares. `deleted` are (number, user) that a reader has removed for sure, `maybe_deleted` those
    whose removal was not confirmed."""
    deleted = deleted or set()
    maybe_deleted = maybe_deleted or set()
    verdict = Verdict(deleted=len(deleted))
    found: dict[tuple[int, int], int] = {}
    for user in range(users):
        box = FastPop3(server, user)
        count = box.count()
        for message in box.messages(count):
            number, digest = recognise(message)
            verdict.found += 1
            if number not in tried:
                verdict.wrong.append(f"user{user}: a message that nobody sent: {message[:400]!r}")
                continue
            found[number, user] = found.get((number, user), 0) + 1
            if digest != tried[number].hash:
                verdict.wrong.append(f"user{user}: message {number} is torn ({len(message)} octets)")
            if user not in tried[number].users:
                verdict.wrong.append(f"user{user}: message {number} was for {tried[number].users}")
        if clear:
            box.delete(count)
        box.quit()
    for (number, user), times in found.items():
        if times > 1:
            verdict.wrong.append(f"user{user}: message {number} is there {times} times")
        if (number, user) in deleted:
            verdict.wrong.append(f"user{user}: message {number} was deleted and came back")
    for number, letter in tried.items():
        there = {user for user in letter.users if (number, user) in found or (number, user) in deleted}
        unsure = {user for user in letter.users if (number, user) in maybe_deleted}
        missing = set(letter.users) - there - unsure
        if letter.promised:
            verdict.promised += 1
            for user in sorted(missing):
                verdict.wrong.append(f"user{user}: message {number} was promised and is LOST")
        else:
            verdict.in_doubt += 1
            verdict.in_doubt_found += 1 if there else 0
            if there and missing:
                verdict.wrong.append(f"message {number}, in doubt, is there for {sorted(there)} and not for {sorted(missing)}")
    return verdict
