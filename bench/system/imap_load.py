"""IMAP beside Dovecot (mdbox): one big mailbox, the same letters and the same client for both, one after the other."""
import contextlib
import random
import select
import socket
import statistics
import string
import subprocess
import tempfile
import time

from tools import BENCH, DOMAIN, Length, figures, rss_kib, say, server_with_users
from harness.peers import Dovecot, why_no_dovecot_imap
from harness.server import PASSWORD

SIZE = 10 << 10
BRIEF, SHORT, LONG = 3_000, 10_000, 100_000  # messages
NEEDLE = "xylophonist"  # in one of a thousand letters
AT_ONCE = 500  # messages of an APPEND while a mailbox is filled


class Letters:
    """Letters that differ in their header fields and in where their text begins."""

    def __init__(self) -> None:
        chooser = random.Random(4)
        words = ["".join(chooser.choices(string.ascii_lowercase, k=chooser.randrange(2, 10))) for _ in range(5000)]
        text, line = [], ""
        while len(text) < 1200:
            line += chooser.choice(words) + " "
            if len(line) > 66:
                text.append(line.rstrip())
                line = ""
        self.lines = text

    def make(self, number: int) -> bytes:
        head = (f"Return-Path: <sender{number % 97}@elsewhere.example>\r\nReceived: from elsewhere.example by {DOMAIN}; "
                f"Sun, 22 Nov 2026 10:{number // 60 % 60:02}:{number % 60:02} +0900\r\n"
                f"From: \"Sender {number % 97}\" <sender{number % 97}@elsewhere.example>\r\nTo: User <user0@{DOMAIN}>, "
                f"Other <other{number % 7}@{DOMAIN}>\r\nSubject: Letter {number} of {number % 1000}\r\n"
                f"Date: Sun, 22 Nov 2026 10:{number // 60 % 60:02}:{number % 60:02} +0900\r\n"
                f"Message-ID: <{number}.load@elsewhere.example>\r\nMIME-Version: 1.0\r\n"
                "Content-Type: text/plain; charset=utf-8\r\n\r\n")
        if number % 1000 == 7:
            head += NEEDLE + "\r\n"
        at = number * 7 % (len(self.lines) - 200)
        body = "\r\n".join(self.lines[at:at + 200])
        return (head + body)[:SIZE - 2].encode() + b"\r\n"


class Client:
    """A connection that throws away what it reads, but for the tagged line: it costs the same whoever answers."""

    def __init__(self, address: str, port: int):
        self.socket = socket.create_connection((address, port), 120)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray(1 << 20)
        self.octets = 0
        self.read_line()
        self.command(f"LOGIN user0@{DOMAIN} \"{PASSWORD}\"")

    def read_line(self) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            piece = self.socket.recv(65536)
            if not piece:
                raise EOFError("closed")
            line += piece
        return line

    def wait(self, tag: bytes = b"t") -> bytes:
        """Reads up to the tagged line; gives the end of all that came."""
        tail = b""
        self.octets = 0
        while True:
            count = self.socket.recv_into(self.buffer)
            if count == 0:
                raise EOFError(tail)
            self.octets += count
            tail = (tail + bytes(memoryview(self.buffer)[max(0, count - 4096):count]))[-4096:]
            if tail.endswith(b"\r\n"):
                last = tail[tail.rfind(b"\r\n", 0, -2) + 2 if tail.count(b"\r\n") > 1 else 0:]
                if last.startswith(tag + b" "):
                    if not last.startswith(tag + b" OK"):
                        raise AssertionError(last)
                    return tail

    def command(self, words: str) -> bytes:
        self.socket.sendall(f"t {words}\r\n".encode())
        return self.wait()

    def timed(self, words: str) -> float:
        begin = time.perf_counter()
        self.command(words)
        return time.perf_counter() - begin

    def append(self, messages: list[bytes]) -> None:
        """Several in one command, each after the server's go-ahead."""
        self.socket.sendall(f"t APPEND INBOX {{{len(messages[0])}}}\r\n".encode())
        for i, message in enumerate(messages):
            self.read_line()
            end = f" {{{len(messages[i + 1])}}}\r\n".encode() if i + 1 < len(messages) else b"\r\n"
            self.socket.sendall(message + end)
        self.wait()

    def close(self) -> None:
        with contextlib.suppress(OSError, EOFError):
            self.command("LOGOUT")
        self.socket.close()


def fill(address: str, port: int, letters: Letters, count: int) -> None:
    client = Client(address, port)
    for begin in range(0, count, AT_ONCE):
        client.append([letters.make(n) for n in range(begin, min(begin + AT_ONCE, count))])
    client.close()


def measure(address: str, port: int, letters: Letters, count: int, seconds: float, patience: float = 0) -> dict[str, float]:
    """Seconds of each command, on a server that has just started; waits for its search index for so many seconds."""
    took: dict[str, float] = {}
    client = Client(address, port)
    took["select_first"] = client.timed("SELECT INBOX")
    took["envelope_first"] = client.timed("UID FETCH 1:* (ENVELOPE)")
    took["flags"] = min(client.timed("FETCH 1:* (FLAGS UID)") for _ in range(3))
    took["envelope"] = min(client.timed("UID FETCH 1:* (ENVELOPE)") for _ in range(2))
    took["bodies"] = min(client.timed("UID FETCH 1:* (BODY.PEEK[])") for _ in range(2))
    # The index follows in the background: until then a search reads the letters themselves.
    took["search_text_unindexed"] = client.timed(f"SEARCH TEXT {NEEDLE}")
    took["search_text"] = took["search_text_unindexed"]
    until = time.perf_counter() + patience
    while time.perf_counter() < until and took["search_text"] > 0.02:
        time.sleep(1)
        took["search_text"] = client.timed(f"SEARCH TEXT {NEEDLE}")
    took["search_from"] = min(client.timed("SEARCH FROM sender13@") for _ in range(2))
    again = []
    for _ in range(5):
        other = Client(address, port)
        again.append(other.timed("SELECT INBOX"))
        other.close()
    took["select_again"] = statistics.median(again)
    took["store_silent"] = client.timed("STORE 1:* +FLAGS.SILENT (\\Flagged)")
    took["store"] = client.timed("STORE 1:* +FLAGS (\\Seen)")
    client.command("CREATE Other")
    some = min(10_000, count)
    took["copy"] = client.timed(f"COPY 1:{some} Other")
    client.command("SELECT Other")
    client.command("STORE 1:* +FLAGS.SILENT (\\Deleted)")
    took["expunge"] = client.timed("EXPUNGE")
    client.command("UNSELECT")
    number, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        client.append([letters.make(count + number)])
        number += 1
    took["append"] = (time.perf_counter() - begin) / number
    client.close()
    return took


def first_select(address: str, port: int) -> float:
    """Of a mailbox that nobody has opened since it was filled."""
    client = Client(address, port)
    took = client.timed("SELECT INBOX")
    client.close()
    return took


def logins(address: str, port: int, seconds: float, at_once: int = 32) -> float:
    """Connections with greeting, LOGIN and LOGOUT, `at_once` under way, finished a second."""
    words = f"a LOGIN user0@{DOMAIN} \"{PASSWORD}\"\r\n".encode()
    poll = select.epoll()
    states: dict[int, list] = {}

    def begin_one() -> None:
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex((address, port))
        states[one.fileno()] = [one, 0]
        poll.register(one.fileno(), select.EPOLLIN)

    for _ in range(at_once):
        begin_one()
    done, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        for fd, _ in poll.poll(1):
            state = states[fd]
            data = state[0].recv(4096)
            if state[1] == 0:
                state[0].send(words)
                state[1] = 1
            elif b"a OK" in data:
                state[0].send(b"b LOGOUT\r\n")
                state[1] = 2
            elif not data or b"\nb OK" in data:
                if state[1] != 2:
                    raise AssertionError(f"a login was refused: {data!r}")
                done += 1
                poll.unregister(fd)
                states.pop(fd)[0].close()
                begin_one()
    took = time.perf_counter() - begin
    for one, _ in states.values():
        one.close()
    return done / took


def pss_kib(pids: list[int]) -> float:
    total = 0.0
    for pid in pids:
        with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            total += sum(float(line.split()[1]) for line in file if line.startswith("Pss:"))
    return total


def idle_memory(server, length: Length) -> None:
    """All that a connection in IDLE with the mailbox open costs."""
    words = f"a LOGIN user0@{DOMAIN} \"{PASSWORD}\"\r\nb SELECT INBOX\r\nc IDLE\r\n"
    for name, listener, more in (("plain", "imap", []), ("tls", "imaps", ["--tls"])):
        result = figures(BENCH / "idle_connections", "--target", f"{server.address}:{server.ports[listener]}", "--connections",
                         length.pick(500, 1000, 5000), "--pid", server.pid, "--say", words, *more, seconds=600)
        say(f"imap_idle_{name}_pss_kib", result["pss_kib_each"], 2)


def run(length: Length) -> None:
    count = length.pick(BRIEF, SHORT, LONG)
    seconds = length.pick(1.0, 1.5, 5.0)
    letters = Letters()
    flushes = figures(BENCH / "flush_limit", tempfile.gettempdir(), length.pick(0.5, 1.0, 2.0))["limit_append_1"]
    say("imap_messages", count)
    with server_with_users(1) as server:
        server.start()
        begin = time.perf_counter()
        fill(server.address, server.ports["imap"], letters, count)
        say("imap_fill_rate", count / (time.perf_counter() - begin), 0)
        server.stop()
        server.start()
        never_opened = first_select(server.address, server.ports["imap"])
        server.stop()
        server.start()
        ours = {"select_never_opened": never_opened} | measure(server.address, server.ports["imap"], letters, count, seconds,
                                                                 patience=count / 500)
        say("imap_server_rss_mib", rss_kib(server.pid) / 1024)
        ours_logins = logins(server.address, server.ports["imap"], seconds)
        idle_memory(server, length)
        if server.cli("store", "check", check=False).returncode != 0:
            say("imap_store_check", "FAILED")
    theirs: dict[str, float] = {}
    theirs_logins = 0.0
    if reason := why_no_dovecot_imap():
        print(f"# no peer: {reason}")
    else:
        with Dovecot(DOMAIN, 1, "mdbox", protocol="imap") as dovecot:
            begin = time.perf_counter()
            fill(dovecot.address, dovecot.port, letters, count)
            say("peer_dovecot_imap_fill_rate", count / (time.perf_counter() - begin), 0)
            dovecot.stop()
            dovecot.start()
            never_opened = first_select(dovecot.address, dovecot.port)
            dovecot.stop()
            dovecot.start()
            theirs = {"select_never_opened": never_opened} | measure(dovecot.address, dovecot.port, letters, count, seconds)
            theirs_logins = logins(dovecot.address, dovecot.port, seconds)
    for name, took in ours.items():
        if name == "append":
            say("imap_append_rate", 1 / took, 0)
            say("imap_append_of_flush_rate", 1 / took / flushes, 3)
        else:
            say(f"imap_{name}_ms", took * 1000, 2)
        if name in theirs:
            say(f"peer_dovecot_imap_{name}_ms", theirs[name] * 1000, 2)
            say(f"imap_{name}_of_dovecot", theirs[name] / took, 2)
    if "envelope" in theirs:
        say("imap_envelope_first_of_dovecot_again", theirs["envelope"] / ours["envelope_first"], 2)
    say("imap_logins_rate", ours_logins, 0)
    if theirs_logins:
        say("peer_dovecot_imap_logins_rate", theirs_logins, 0)
        say("imap_logins_of_dovecot", ours_logins / theirs_logins, 2)
