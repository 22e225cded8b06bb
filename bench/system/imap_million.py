"""A mailbox of a million messages: how soon it opens, what memory a session with it costs, and a listing of all flags that is read slowly."""
import pathlib
import re
import socket
import statistics
import time

from imap_load import Client
from tools import DOMAIN, Length, Told, rss_kib, say, server_with_users

AT_ONCE = 1000  # messages of an APPEND: what a server takes by default
MESSAGES = (30_000, 200_000, 1_000_000)
MORE_SESSIONS = 10


def letter(number: int) -> bytes:
    return (f"From: Sender {number % 97} <sender{number % 97}@elsewhere.example>\r\nTo: <user0@{DOMAIN}>\r\nSubject: Letter {number}\r\n"
            f"Date: Sun, 22 Nov 2026 10:{number // 60 % 60:02}:{number % 60:02} +0900\r\nMessage-ID: <{number}.million@elsewhere.example>\r\n"
            f"\r\nNumber {number}, and nothing else.\r\n").encode()


def fill(client: Client, count: int) -> None:
    """Small letters, many in each APPEND, without waiting for a go-ahead (LITERAL+)."""
    for begin in range(0, count, AT_ONCE):
        words = [b"t APPEND INBOX"]
        for number in range(begin, min(begin + AT_ONCE, count)):
            octets = letter(number)
            words.append(b" {%d+}\r\n%s" % (len(octets), octets))
        client.socket.sendall(b"".join([*words, b"\r\n"]))
        client.wait()


def wait_for_rest(server, seconds: float) -> None:
    """Until nothing goes on in the background: memory that it takes for a while is no session's."""
    calm, end, used = 0, time.monotonic() + seconds, server.cpu_seconds()
    while calm < 3 and time.monotonic() < end:
        time.sleep(0.5)
        now = server.cpu_seconds()
        calm = calm + 1 if now - used < 0.02 else 0
        used = now


def forget_peak(pid: int) -> None:
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_kib(pid: int) -> float:
    return float(re.search(r"^VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.MULTILINE).group(1))


def read_slowly(client: Client, other: Client, count: int, seconds: float) -> float:
    """The flags of all messages, a little at a time for so many seconds, then the rest; the longest that another client waited meanwhile."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    client.socket.sendall(b"t FETCH 1:* (FLAGS)\r\n")
    begin, lines, tail, longest = time.monotonic(), 0, b"", 0.0
    while not tail.endswith(b"\r\n") or not tail[tail.rfind(b"\n", 0, -1) + 1:].startswith(b"t "):
        slowly = time.monotonic() - begin < seconds
        piece = client.socket.recv(4096 if slowly else 1 << 20)
        if not piece:
            raise EOFError(tail)
        lines += piece.count(b"\n")
        tail = (tail + piece)[-512:]
        if slowly:
            longest = max(longest, other.timed("NOOP"))
            time.sleep(0.05)
    if lines != count + 1:
        raise AssertionError(f"{lines} lines for the flags of {count} messages: {tail!r}")
    return longest


def run(length: Length) -> None:
    count = length.pick(*MESSAGES)
    told = Told()
    say("imap_million_messages", count)
    with server_with_users(2) as server:
        server.start()
        port = server.ports["imap"]
        client = Client(server.address, port)
        begin = time.perf_counter()
        fill(client, count)
        say("imap_million_fill_rate", count / (time.perf_counter() - begin), 0)
        client.close()
        wait_for_rest(server, 60 + count / 1000)
        server.stop(120)
        server.start(120)
        wait_for_rest(server, 60 + count / 1000)
        # Somebody else was here before, and passwords take memory while they are hashed: neither is the mailbox's.
        other = Client(server.address, port, "user1")
        other.command("SELECT INBOX")
        client = Client(server.address, port)
        wait_for_rest(server, 20)
        before = rss_kib(server.pid)
        forget_peak(server.pid)
        told.tell("imap_million_select_first_ms", client.timed("SELECT INBOX") * 1000, 2)
        told.tell("imap_million_session_mib", (peak_kib(server.pid) - before) / 1024, 2)
        # A session that has looked at all of it; at once, since upkeep walks through such a mailbox for minutes, and what
        # the database remembers for it is no session's.
        told.tell("imap_million_flags_ms", client.timed("FETCH 1:* (FLAGS)") * 1000, 1)
        told.tell("imap_million_used_session_mib", (rss_kib(server.pid) - before) / 1024, 2)
        again = []
        for _ in range(5):
            one = Client(server.address, port)
            again.append(one.timed("SELECT INBOX"))
            one.close()
        told.tell("imap_million_select_again_ms", statistics.median(again) * 1000, 2)
        alone = rss_kib(server.pid)
        more = [Client(server.address, port) for _ in range(MORE_SESSIONS)]
        for one in more:
            one.command("SELECT INBOX")
        told.tell("imap_million_further_session_mib", (rss_kib(server.pid) - alone) / 1024 / MORE_SESSIONS, 3)
        for one in more:
            one.close()
        before = rss_kib(server.pid)
        forget_peak(server.pid)
        longest = read_slowly(client, other, count, length.pick(3, 10, 30))
        told.tell("imap_million_slow_flags_peak_mib", (peak_kib(server.pid) - before) / 1024, 2)
        told.tell("imap_million_slow_flags_others_wait_ms", longest * 1000, 2)
        client.close()
    if not length.brief:
        told.say_targets((("imap_million_select_first_ms", "most", 20), ("imap_million_select_again_ms", "most", 20),
                           ("imap_million_session_mib", "most", 16), ("imap_million_used_session_mib", "most", 16),
                           ("imap_million_slow_flags_peak_mib", "most", 16)))
