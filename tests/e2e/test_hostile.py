"""What attackers send: smuggled messages, injected commands, endless lines, and thousands of slow connections."""
import resource
import select
import socket
import statistics
import time

from case import BOB, PASSWORD, ServerCase
from harness.mail import make_message, trace_of
from harness.raw import send_message

# Each could be the end of a message for one server and not for another (SMTP smuggling, CVE-2023-51764 and its kin).
FALSE_ENDS = (b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\n.\r", b"\r\r\n.\r\r\n", b"\0\r\n.\0\r\n",
              b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\n\r\n.\n\r\n", b"\r\n.\r\r\n")
SMUGGLED = b"MAIL FROM:<evil@seoul.example>\r\nRCPT TO:<bob@seoul.example>\r\nDATA\r\nSubject: smuggled\r\n\r\nevil\r\n.\r\n"


class Smuggling(ServerCase):
    def test_no_false_end_of_data(self) -> None:
        for end in FALSE_ENDS:
            with self.subTest(end=end):
                self.bob.clear()
                wire = self.smtp()
                wire.expect(250, "MAIL FROM:<a@elsewhere.example>")
                wire.expect(250, f"RCPT TO:<{BOB}>")
                wire.expect(354, "DATA")
                wire.send(b"Subject: first\r\n\r\nbody" + end + SMUGGLED)
                wire.send(b"QUIT\r\n")
                answers = wire.rest()
                got = self.bob.messages()
                self.assertLessEqual(len(got), 1, f"{end!r} ended a message: {answers!r}")
                for message in got:
                    self.assertIn(b"Return-Path: <a@elsewhere.example>", message)

    def test_bare_line_ends_are_refused(self) -> None:
        for text in (b"a\nb", b"a\rb", b"\n", b"\r", b"a\r\r\nb"):
            with self.subTest(text=text):
                wire = self.smtp()
                wire.expect(250, "MAIL FROM:<a@elsewhere.example>")
                wire.expect(250, f"RCPT TO:<{BOB}>")
                wire.expect(354, "DATA")
                wire.send(b"Subject: x\r\n\r\n" + text + b"\r\n.\r\n")
                self.assertEqual(wire.reply()[0] // 100, 5)
                wire.expect(250, "NOOP")
        self.assertEqual(self.bob.count(), 0)

    def test_bare_line_ends_in_bdat(self) -> None:
        for text in (b"Subject: x\r\n\r\na\nb\r\n", b"Subject: x\r\n\r\na\rb\r\n"):
            wire = self.smtp()
            wire.expect(250, "MAIL FROM:<a@elsewhere.example>")
            wire.expect(250, f"RCPT TO:<{BOB}>")
            wire.send(b"BDAT %d LAST\r\n" % len(text) + text)
            self.assertEqual(wire.reply()[0] // 100, 5)
        self.assertEqual(self.bob.count(), 0)

    def test_bdat_and_data_give_the_same(self) -> None:
        message = make_message(1, to=BOB, size=100_000)
        with self.smtp() as wire:
            send_message(wire, "a@elsewhere.example", [BOB], message)
            wire.expect(250, "MAIL FROM:<a@elsewhere.example>")
            wire.expect(250, f"RCPT TO:<{BOB}>")
            for begin in range(0, len(message), 7777):
                piece = message[begin:begin + 7777]
                last = b" LAST" if begin + 7777 >= len(message) else b""
                wire.send(b"BDAT %d%s\r\n" % (len(piece), last) + piece)
                wire.expect(250)
        for retrieved in self.bob.messages():
            trace_of(self, retrieved, message)
        self.assertEqual(self.bob.count(), 2)

    def test_one_octet_at_a_time(self) -> None:
        message = make_message(1, to=BOB, size=300)
        wire = self.smtp()
        wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire.expect(250, "MAIL FROM:<a@elsewhere.example>")
        wire.expect(250, f"RCPT TO:<{BOB}>")
        wire.expect(354, "DATA")
        for octet in message.replace(b"\r\n.", b"\r\n..") + b".\r\n":
            wire.send(bytes([octet]))
        wire.expect(250)
        trace_of(self, self.bob.messages()[0], message)


class Injection(ServerCase):
    ALONE = True

    def test_starttls_throws_away_what_came_before(self) -> None:
        wire = self.smtp()
        wire.send(b"STARTTLS\r\nEHLO evil.example\r\nMAIL FROM:<evil@seoul.example>\r\n")
        wire.expect(220)
        self.assertEqual(wire.buffer, b"")
        wire.start_tls()
        # Had the injected commands counted, RCPT would be in order now.
        self.assertEqual(wire.command(f"RCPT TO:<{BOB}>")[0], 503)
        wire.expect(250, "EHLO test.example")
        self.assertEqual(wire.command(f"RCPT TO:<{BOB}>")[0], 503)

    def test_starttls_forgets_what_was_said(self) -> None:
        wire = self.smtp()
        wire.expect(250, "MAIL FROM:<evil@seoul.example>")
        if wire.command("STARTTLS")[0] == 503:  # not within a transaction
            wire.expect(250, "RSET")
            wire.expect(220, "STARTTLS")
        wire.start_tls()
        # Not even the greeting counts any more.
        self.assertEqual(wire.command("MAIL FROM:<evil@seoul.example>")[0], 503)
        self.assertEqual(wire.command(f"RCPT TO:<{BOB}>")[0], 503)

    def test_commands_that_make_no_sense(self) -> None:
        wire = self.smtp()
        for line in ("XYZZY", "MAIL", "MAIL FROM:", "MAIL FROM:<a@b", "RCPT TO:<x@y.example>", "DATA", "BDAT", "BDAT x", "AUTH",
                     "STARTTLS now", "MAIL FROM:<a@elsewhere.example> NONSENSE=1", "", "\t", "EHLO", "VRFY", "\0\0\0", "한국어"):
            try:
                code, words = wire.command(line)
            except EOFError:  # too many errors: it has hung up
                wire = self.smtp()
                code, words = wire.command(line)
            self.assertIn(code // 100, (4, 5), f"{line!r}: {code} {words}")
            self.assertTrue(code // 100 == 5 or code == 421, f"{line!r}: {code} {words}")

    def test_too_many_errors_end_the_session(self) -> None:
        wire = self.smtp()
        wire.send(b"XYZZY\r\n" * 1000)
        self.assertIn(b"421 ", wire.rest())

    def test_an_endless_command_line(self) -> None:
        before = self.rss()
        wire = self.smtp()
        wire.socket.settimeout(20)
        sent = 0
        said = b""
        try:
            while sent < 20_000_000 and b"421 " not in said:
                wire.send(b"a" * 10_000)
                sent += 10_000
                if select.select([wire.socket], [], [], 0)[0]:
                    piece = wire.socket.recv(65536)
                    said += piece
                    if not piece:
                        break
        except OSError:
            pass  # it has hung up; what it said before that still stands in the socket
        said += wire.rest()
        self.assertIn(b"500 5.5.2 ", said)
        self.assertIn(b"421 4.7.0 ", said)
        # Sixteen lines' worth, and what the two sockets hold.
        self.assertLess(sent, 16_000_000)
        self.assertLess(self.rss() - before, 8_000)  # KiB

    def test_an_endless_data_line(self) -> None:
        wire = self.smtp()
        wire.expect(250, "MAIL FROM:<a@elsewhere.example>")
        wire.expect(250, f"RCPT TO:<{BOB}>")
        wire.expect(354, "DATA")
        line = b"".join(b"%07d " % number for number in range(375_000))  # 3 MB
        wire.send(b"Subject: x\r\n\r\n" + line + b"\r\n.\r\n")
        self.assertEqual(wire.reply()[0], 250)
        # POP3 clients have limits of their own for a line: by hand.
        pop = self.wire("pop3")
        pop.line()
        for command in (f"USER {BOB}", f"PASS {PASSWORD}", "RETR 1"):
            pop.send(command.encode() + b"\r\n")
            self.assertTrue(pop.line().startswith(b"+OK"))
        pop.send(b"QUIT\r\n")
        stored = pop.rest().partition(b"\r\n.\r\n")[0]
        self.assertEqual(stored.partition(b"\r\n\r\n")[2], line)

    def rss(self) -> int:
        for line in open(f"/proc/{self.server.pid}/status", encoding="ascii"):
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        return 0


SLOW = 2000


class SlowClients(ServerCase):
    ALONE = True

    limits = {}

    def setUp(self) -> None:
        super().setUp()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))

    def deliveries(self, count: int) -> float:
        """Seconds that this many deliveries take, one after another."""
        begin = time.monotonic()
        with self.smtp() as wire:
            for number in range(count):
                send_message(wire, "a@elsewhere.example", [BOB], make_message(number, to=BOB))
        return time.monotonic() - begin

    def test_two_thousand_slow_senders(self) -> None:
        self.deliveries(50)
        alone = min(self.deliveries(100) for _ in range(2))
        slow = []
        opening = time.monotonic()
        for number in range(SLOW):
            # Each from an address of its own, as an attack would.
            connection = socket.socket()
            connection.bind((f"127.{2 + number // 250}.7.{1 + number % 250}", 0))
            connection.settimeout(20)
            connection.connect((self.server.address, self.server.ports["smtp"]))
            slow.append(connection)
            self.addCleanup(connection.close)
        self.assertLess(time.monotonic() - opening, 30)
        words = b"EHLO slow.example\r\nMAIL FROM:<slow@elsewhere.example>\r\n"
        times = []
        for second in range(5):
            begin = time.monotonic()
            for connection in slow:
                connection.send(words[second:second + 1])
            times.append(self.deliveries(100))
            time.sleep(max(0.0, 1 - (time.monotonic() - begin)))
        self.assertLess(statistics.median(times), 2 * alone + 0.5, f"{times} with, {alone} without slow clients")
        self.assertEqual(self.bob.count(), 50 + 200 + 500)
        # They were not thrown out for being slow so soon.
        closed = 0
        for connection in slow:
            connection.setblocking(False)
            try:
                closed += 0 if connection.recv(4096) else 1
            except BlockingIOError:
                continue
        self.assertEqual(closed, 0)
