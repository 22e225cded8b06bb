"""Postfix relays to us, and its smtp-source loads us."""
import pathlib
import smtplib
import unittest

from case import ALICE, BOB, ServerCase
from harness.mail import make_message, trace_of
from harness.peers import postfix_relay, why_no_postfix
from harness.server import wait_until

SMTP_SOURCE = pathlib.Path("/usr/sbin/smtp-source")


@unittest.skipIf(why_no_postfix(), why_no_postfix())
class PostfixRelays(ServerCase):
    def relay(self, more: dict[str, str]) -> bytes:
        postfix = postfix_relay(self.server.address, self.server.ports["smtp"], more)
        with postfix:
            sent = [make_message(n, to=BOB, size=n * 4000) for n in range(1, 21)]
            with smtplib.SMTP(postfix.address, postfix.port, "client.example", timeout=60) as client:
                for message in sent:
                    client.sendmail("a@elsewhere.example", [BOB, ALICE], message)
            try:
                wait_until(lambda: self.bob.count() >= 20 and self.alice.count() >= 20, 60, "Postfix has relayed all", step=0.2)
            except TimeoutError as late:
                raise AssertionError(postfix.log_text()[-4000:] + self.server.log_tail()) from late
            log = postfix.log_text()
        self.assertEqual(log.count("status=sent"), 40, log[-3000:])
        got = {m.split(b"\r\nSubject: ")[1].split(b"\r\n")[0]: m for m in self.bob.messages()}
        self.assertEqual(len(got), 20)
        trace = b""
        for number, message in enumerate(sent, 1):
            trace = trace_of(self, got[b"message %d" % number], message)
        return trace

    def test_plain(self) -> None:
        self.relay({"smtp_tls_security_level": "none"})

    def test_under_tls(self) -> None:
        trace = self.relay({"smtp_tls_security_level": "verify", "smtp_tls_CAfile": str(self.server.certificate),
                            "smtp_tls_verify_cert_match": "mail.seoul.example"})
        self.assertIn(b"ESMTPS", trace)

    def test_an_unknown_user_bounces_at_the_peer(self) -> None:
        postfix = postfix_relay(self.server.address, self.server.ports["smtp"], {"smtp_tls_security_level": "none"})
        with postfix:
            with smtplib.SMTP(postfix.address, postfix.port, "client.example", timeout=60) as client:
                client.sendmail(ALICE, ["nobody@seoul.example"], make_message(1, to="nobody@seoul.example"))
            wait_until(lambda: self.alice.count() == 1, 60, "the bounce comes", step=0.2)
        (bounce,) = self.alice.messages()
        self.assertIn(b"Return-Path: <>", bounce)
        self.assertIn(b"550 5.1.1", bounce)


@unittest.skipUnless(SMTP_SOURCE.exists(), "smtp-source is not installed")
class SmtpSource(ServerCase):
    def test_smtp_source(self) -> None:
        for more in ([], ["-d"]):  # with -d a connection takes many messages
            with self.subTest(more=more):
                self.bob.clear()
                self.program(SMTP_SOURCE, "-s", "20", "-m", "400", "-l", "10240", "-f", "a@elsewhere.example", "-t", BOB, *more,
                             f"{self.server.address}:{self.server.ports['smtp']}", seconds=120)
                self.assertEqual(self.bob.count(), 400)

    def test_lmtp(self) -> None:
        self.program(SMTP_SOURCE, "-L", "-s", "5", "-m", "100", "-l", "2000", "-f", "a@elsewhere.example", "-t", BOB, "-d",
                     f"{self.server.address}:{self.server.ports['lmtp']}", seconds=120)
        self.assertEqual(self.bob.count(), 100)
