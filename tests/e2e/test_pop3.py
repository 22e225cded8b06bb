"""POP3 as the standards have it, over the wire: what poplib and curl don't ask."""
import poplib
import threading

from case import BOB, PASSWORD, ServerCase
from harness.mail import make_message, tls_context, trace_of
from harness.raw import Wire, send_message


class Pop3(ServerCase):
    def put(self, *numbers: int, size: int = 1500) -> list[bytes]:
        messages = [make_message(n, to=BOB, size=size) for n in numbers]
        with self.smtp() as wire:
            for message in messages:
                send_message(wire, "a@elsewhere.example", [BOB], message)
        return messages

    def pop(self, listener: str = "pop3", **more: object) -> Wire:
        wire = self.wire(listener, **more)
        self.assertTrue(wire.line().startswith(b"+OK"))
        return wire

    def ask(self, wire: Wire, line: str, ok: bool = True) -> bytes:
        wire.send(line.encode() + b"\r\n")
        answer = wire.line()
        self.assertTrue(answer.startswith(b"+OK" if ok else b"-ERR"), f"{line}: {answer!r}")
        return answer

    def lines(self, wire: Wire) -> list[bytes]:
        lines = []
        while (line := wire.line()) != b".":
            lines.append(line[1:] if line.startswith(b".") else line)
        return lines

    def login(self, **more: object) -> Wire:
        wire = self.pop(**more)
        self.ask(wire, f"USER {BOB}")
        self.ask(wire, f"PASS {PASSWORD}")
        return wire

    def test_capabilities(self) -> None:
        wire = self.pop()
        self.ask(wire, "CAPA")
        capabilities = {line.split()[0].upper() for line in self.lines(wire)}
        self.assertLessEqual({b"TOP", b"UIDL", b"USER", b"SASL", b"STLS", b"PIPELINING", b"RESP-CODES", b"AUTH-RESP-CODE",
                              b"UTF8", b"LANG", b"EXPIRE"}, capabilities)

    def test_sizes_are_octets(self) -> None:
        self.put(1, 2, 3)
        wire = self.login()
        self.ask(wire, "LIST")
        sizes = [int(line.split()[1]) for line in self.lines(wire)]
        stat = self.ask(wire, "STAT").split()
        self.assertEqual((int(stat[1]), int(stat[2])), (3, sum(sizes)))
        for number, size in enumerate(sizes, 1):
            self.ask(wire, f"RETR {number}")
            self.assertEqual(sum(len(line) + 2 for line in self.lines(wire)), size)

    def test_uidls_are_stable_and_never_used_again(self) -> None:
        self.put(1, 2, 3)
        before = self.bob.uidls()
        self.assertEqual(len(set(before)), 3)
        session = self.bob.session()
        session.dele(3)
        session.quit()
        self.put(4)
        after = self.bob.uidls()
        self.assertEqual(after[:2], before[:2])
        self.assertNotIn(after[2], before)
        self.server.stop()
        self.server.start()
        self.assertEqual(self.bob.uidls(), after)

    def test_deletion_only_at_quit(self) -> None:
        self.put(1, 2)
        wire = self.login()
        self.ask(wire, "DELE 1")
        self.ask(wire, "RETR 1", ok=False)
        self.ask(wire, "DELE 1", ok=False)
        wire.socket.close()
        self.assertEqual(self.bob.count(), 2)
        wire = self.login()
        self.ask(wire, "DELE 1")
        self.ask(wire, "RSET")
        self.ask(wire, "RETR 1")
        self.lines(wire)
        self.ask(wire, "QUIT")
        self.assertEqual(self.bob.count(), 2)
        wire = self.login()
        self.ask(wire, "DELE 2")
        self.ask(wire, "QUIT")
        self.assertEqual(self.bob.count(), 1)

    def test_pipelining(self) -> None:
        sent = self.put(*range(1, 21))
        wire = self.login()
        wire.send(b"".join(b"RETR %d\r\n" % n for n in range(1, 21)) + b"NOOP\r\nQUIT\r\n")
        for message in sent:
            self.assertTrue(wire.line().startswith(b"+OK"))
            trace_of(self, b"\r\n".join(self.lines(wire)) + b"\r\n", message)
        self.assertTrue(wire.line().startswith(b"+OK"))
        self.assertTrue(wire.line().startswith(b"+OK"))
        self.assertEqual(wire.rest(), b"")

    def test_one_octet_at_a_time(self) -> None:
        self.put(1)
        wire = self.pop()
        for line in (f"USER {BOB}", f"PASS {PASSWORD}", "NOOP"):
            for octet in line.encode() + b"\r\n":
                wire.send(bytes([octet]))
            self.assertTrue(wire.line().startswith(b"+OK"))

    def test_top(self) -> None:
        (message,) = self.put(1)
        wire = self.login()
        self.ask(wire, "TOP 1 0")
        head = self.lines(wire)
        self.assertIn(b"Subject: message 1", head)
        self.assertEqual(head[-1], b"")
        self.ask(wire, "TOP 1 3")
        self.assertEqual(self.lines(wire), head + message.split(b"\r\n\r\n", 1)[1].split(b"\r\n")[:3])
        self.ask(wire, "TOP 1 100000")
        trace_of(self, b"\r\n".join(self.lines(wire)) + b"\r\n", message)

    def test_two_sessions_at_once(self) -> None:
        self.put(1, 2, 3)
        first, second = self.login(), self.login()
        self.ask(first, "DELE 1")
        self.ask(first, "QUIT")
        self.put(4)
        # The second still sees what it saw, and says so of what is gone.
        stat = self.ask(second, "STAT").split()
        self.assertEqual(int(stat[1]), 3)
        self.ask(second, "RETR 2")
        self.lines(second)
        second.send(b"RETR 1\r\n")
        answer = second.line()
        if answer.startswith(b"+OK"):
            self.lines(second)
        self.ask(second, "DELE 1")
        self.ask(second, "DELE 2")
        self.ask(second, "QUIT")
        self.assertEqual(self.bob.count(), 2)

    def test_many_sessions_delete_at_once(self) -> None:
        self.put(*range(1, 31))
        failed: list[object] = []

        def delete(share: int) -> None:
            try:
                session = self.bob.session()
                for number in range(1, session.stat()[0] + 1):
                    if number % 6 == share:
                        session.dele(number)
                session.quit()
            except Exception as error:  # reported below: a thread's exception would be lost
                failed.append(error)
        sessions = [threading.Thread(target=delete, args=(share,)) for share in range(6)]
        for session in sessions:
            session.start()
        for session in sessions:
            session.join()
        self.assertEqual(failed, [])
        self.assertLessEqual(self.bob.count(), 25)

    def test_stls_throws_away_what_came_before(self) -> None:
        wire = self.pop()
        wire.send(b"STLS\r\nCAPA\r\n")
        self.assertTrue(wire.line().startswith(b"+OK"))
        self.assertEqual(wire.buffer, b"")
        wire.start_tls()
        wire.send(b"NOOP\r\nQUIT\r\n")
        first = wire.line()
        self.assertFalse(first.startswith(b"+OK Capa"), first)
        self.assertFalse(any(line.startswith(b"TOP") for line in wire.rest().split(b"\r\n")))

    def test_nonsense(self) -> None:
        wire = self.login()
        for line in ("RETR", "RETR 0", "RETR 99", "RETR -1", "RETR 99999999999999999999", "RETR 1x", "TOP 1", "TOP 1 -1", "XYZ",
                     "UIDL 7", "LIST 0", "DELE", "PASS x", "STLS x", "", " "):
            self.ask(wire, line, ok=False)
        self.ask(wire, "NOOP")

    def test_a_line_too_long(self) -> None:
        wire = self.pop()
        wire.send(b"USER " + b"a" * 100_000 + b"\r\n")
        self.assertTrue(wire.line().startswith(b"-ERR"))
        # What was too long is thrown away whole, none of it is taken for a command.
        self.ask(wire, f"USER {BOB}")

    def test_response_codes(self) -> None:
        wire = self.pop()
        self.ask(wire, f"USER {BOB}")
        self.assertIn(b"[AUTH]", self.ask(wire, "PASS wrong", ok=False))

    def test_apop_is_off(self) -> None:
        wire = self.wire("pop3")
        greeting = wire.line()
        self.assertNotRegex(greeting, rb"<[^>]*@[^>]*>")
        self.ask(wire, f"APOP {BOB} c4c9334bac560ecc979e58001b3e22fb", ok=False)

    def test_stls_and_implicit_tls(self) -> None:
        (message,) = self.put(1)
        for session in (poplib.POP3_SSL(self.server.address, self.server.ports["pop3s"], context=tls_context(), timeout=30),
                        poplib.POP3(self.server.address, self.server.ports["pop3"], timeout=30)):
            if not isinstance(session, poplib.POP3_SSL):
                session.stls(context=tls_context())
            session.user(BOB)
            session.pass_(PASSWORD)
            trace_of(self, b"\r\n".join(session.retr(1)[1]) + b"\r\n", message)
            session.quit()
