"""Where the server can be reached: over IPv6, by a Unix socket, with TLS alone; and by its operator when it is full."""
import poplib
import smtplib
import socket
import unittest

from case import ALICE, BOB, PASSWORD, ServerCase, Wire
from harness.mail import make_message, tls_context
from harness.raw import send_message


def free_port(address: str) -> int:
    """A port that nobody listens on; 0 where this machine has no such address."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind((address, 0))
            return probe.getsockname()[1]
    except OSError:
        return 0


SMTP_PORT, POP3_PORT = free_port("::1"), free_port("::1")


@unittest.skipUnless(SMTP_PORT and POP3_PORT, "this machine has no IPv6")
class Ipv6(ServerCase):
    settings = f"""[[listener]]
protocol = "smtp"
address = "::1"
port = {SMTP_PORT}
[[listener]]
protocol = "pop3"
address = "::1"
port = {POP3_PORT}
"""

    def test_a_letter_in_and_out(self) -> None:
        message = make_message(6, to=BOB)
        with smtplib.SMTP("::1", SMTP_PORT, "client.example", timeout=30) as session:
            session.starttls(context=tls_context())
            session.sendmail("a@elsewhere.example", [BOB], message)
        session = poplib.POP3("::1", POP3_PORT, timeout=30)
        session.stls(context=tls_context())
        session.user(BOB)
        session.pass_(PASSWORD)
        stored = b"\r\n".join(session.retr(1)[1]) + b"\r\n"
        session.quit()
        self.assertTrue(stored.endswith(message))
        # RFC 5321 4.1.3
        self.assertIn(b"client.example ([IPv6:::1])", stored.replace(b"\r\n\t", b" "))


class UnixSocket(ServerCase):
    settings = """[[listener]]
protocol = "lmtp"
address = "unix:lmtp.sock"
[[listener]]
protocol = "smtp"
address = "unix:smtp.sock"
"""

    def at(self, name: str) -> Wire:
        wire = Wire(f"unix:{self.server.folder}/{name}", 0)
        self.addCleanup(wire.socket.close)
        wire.expect(220)
        return wire

    def test_lmtp_answers_for_each(self) -> None:
        wire = self.at("lmtp.sock")
        wire.expect(250, "LHLO client.example")
        wire.expect(250, "MAIL FROM:<a@elsewhere.example>")
        for recipient in (ALICE, BOB):
            wire.expect(250, f"RCPT TO:<{recipient}>")
        wire.expect(354, "DATA")
        wire.send(b"Subject: by a Unix socket\r\n\r\nhello\r\n.\r\n")
        wire.expect(250)
        wire.expect(250)
        for box in (self.alice, self.bob):
            (stored,) = box.messages()
            self.assertIn(b"by a Unix socket", stored)

    def test_smtp(self) -> None:
        message = make_message(7, to=BOB)
        wire = self.at("smtp.sock")
        wire.expect(250, "EHLO client.example")
        send_message(wire, "a@elsewhere.example", [BOB], message)
        (stored,) = self.bob.messages()
        self.assertTrue(stored.endswith(message))

    def test_the_file_goes_with_the_server(self) -> None:
        path = self.server.folder / "smtp.sock"
        self.assertTrue(path.is_socket())
        self.server.stop()
        self.assertFalse(path.exists())
        # One that a crash has left behind is no obstacle.
        self.server.start()
        self.server.kill()
        self.assertTrue(path.is_socket())
        self.server.start()
        self.at("smtp.sock").expect(250, "EHLO client.example")


class RequireTls(ServerCase):
    settings = """[[listener]]
protocol = "submission"
address = "unix:submission.sock"
tls = "starttls"
require_tls = true
"""

    def test_nothing_goes_before_tls(self) -> None:
        wire = Wire(f"unix:{self.server.folder}/submission.sock", 0)
        self.addCleanup(wire.socket.close)
        wire.expect(220)
        wire.expect(250, "EHLO client.example")
        wire.expect(530, "MAIL FROM:<a@elsewhere.example>")
        wire.expect(220, "STARTTLS")
        wire.start_tls()
        wire.expect(250, "EHLO client.example")
        self.assertIn("5.7.0", wire.expect(530, "MAIL FROM:<a@elsewhere.example>"))  # now for want of a login
        wire.expect(334, "AUTH LOGIN")


class FullHouse(ServerCase):
    """Who looks after the server gets in when nobody else does."""
    limits = {"connections": 30}  # more than what start and setUp may still be letting go of

    def test_the_operator_gets_in(self) -> None:
        wires = []
        while b"421 4.7.0" not in (wire := self.wire("smtp")).line():
            wires.append(wire)
        self.assertLessEqual(len(wires), 30)
        self.assertIn(b"421 4.7.0", self.wire("smtp").rest())
        self.assertIn(BOB, self.server.cli("account", "list").stdout)
        self.assertTrue(self.server.metrics())
        for wire in wires:
            wire.expect(221, "QUIT")


if __name__ == "__main__":
    unittest.main()
