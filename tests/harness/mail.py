"""Messages, and mailboxes as POP3 shows them."""
import poplib
import random
import re
import ssl
import string

from harness.server import PASSWORD, Server


def make_message(number: int, *, to: str, sender: str = "sender@elsewhere.example", size: int = 1500, extra: str = "") -> bytes:
    """A message with a number in its subject, CRLF lines, some that begin with dots."""
    chooser = random.Random(number)
    lines = [f"From: <{sender}>", f"To: <{to}>", f"Subject: message {number}", "Date: Sun, 22 Nov 2026 10:00:00 +0900",
             f"Message-ID: <{number}.{chooser.randrange(10**9)}@elsewhere.example>"]
    if extra:
        lines += extra.splitlines()
    lines += ["", ".", "..", ".a line that begins with a dot", ""]
    length = sum(map(len, lines)) + 2 * len(lines)
    while length < size:
        lines.append("".join(chooser.choices(string.ascii_letters + string.digits + " .", k=chooser.randrange(1, 77))))
        length += len(lines[-1]) + 2
    return ("\r\n".join(lines) + "\r\n").encode()


def tls_context() -> ssl.SSLContext:
    """TLS that believes any certificate: the servers of tests sign their own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Mailbox:
    """What is in somebody's mailbox. Each look is a session of its own."""

    def __init__(self, server: Server, user: str, password: str = PASSWORD):
        self.server = server
        self.user = user if "@" in user else f"{user}@{server.domain}"
        self.password = password

    def session(self) -> poplib.POP3:
        session = poplib.POP3(self.server.address, self.server.ports["pop3"], timeout=60)
        session.user(self.user)
        session.pass_(self.password)
        return session

    def count(self) -> int:
        session = self.session()
        try:
            return session.stat()[0]
        finally:
            session.quit()

    def messages(self) -> list[bytes]:
        session = self.session()
        try:
            return [b"\r\n".join(session.retr(n + 1)[1]) + b"\r\n" for n in range(session.stat()[0])]
        finally:
            session.quit()

    def uidls(self) -> list[str]:
        session = self.session()
        try:
            return [line.split()[1].decode() for line in session.uidl()[1]]
        finally:
            session.quit()

    def clear(self) -> None:
        session = self.session()
        for number in range(session.stat()[0]):
            session.dele(number + 1)
        session.quit()


# What stands before a stranger's message when it comes out of a mailbox.
TRACE_FIELDS = (b"Return-Path", b"Delivered-To", b"Received", b"Authentication-Results", b"Received-SPF")


def trace_of(test, retrieved: bytes, original: bytes) -> bytes:
    """Asserts that the original is there octet by octet, and nothing but trace fields before it; returns these."""
    test.assertTrue(retrieved.endswith(original), f"not the octets that were sent:\n{retrieved[-2000:]!r}\nsent\n{original[-2000:]!r}")
    before = retrieved[:len(retrieved) - len(original)]
    for field in re.split(rb"\r\n(?![ \t])", before.removesuffix(b"\r\n")):
        if field:
            test.assertIn(field.split(b":", 1)[0], TRACE_FIELDS, before)
    return before
