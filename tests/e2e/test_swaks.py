"""swaks, the tool that mail admins test servers with. Debian 12's (20201014) knows no SMTPUTF8: that is tested with
Python's smtplib (test_python.py)."""
import unittest

from case import ALICE, BOB, PASSWORD, ServerCase


class Swaks(ServerCase):
    def swaks(self, listener: str, *arguments: str, status: int = 0) -> str:
        return self.program("swaks", "--server", self.server.address, "--port", str(self.server.ports[listener]), "--helo",
                            "client.example", "--timeout", "20", *arguments, status=status)

    def arrived(self, *words: bytes) -> None:
        messages = self.bob.messages()
        self.assertEqual(len(messages), 1)
        for word in words:
            self.assertIn(word, messages[0])

    def test_plain(self) -> None:
        self.swaks("smtp", "--from", "a@elsewhere.example", "--to", BOB, "--body", "the plain letter")
        self.arrived(b"the plain letter", b"Return-Path: <a@elsewhere.example>", b"with ESMTP")

    def test_starttls(self) -> None:
        said = self.swaks("smtp", "--tls", "--from", "a@elsewhere.example", "--to", BOB, "--body", "under starttls")
        self.assertIn("TLSv1.3", said)
        self.arrived(b"under starttls", b"with ESMTPS")

    def test_tls_1_2(self) -> None:
        self.swaks("smtp", "--tls", "--tls-protocol", "tlsv1_2", "--from", "a@elsewhere.example", "--to", BOB)
        self.arrived(b"TLSv1.2")

    def test_helo(self) -> None:
        self.swaks("smtp", "--protocol", "SMTP", "--from", "a@elsewhere.example", "--to", BOB, "--body", "old ways")
        self.arrived(b"old ways", b"with SMTP")

    def test_pipelining(self) -> None:
        self.swaks("smtp", "--pipeline", "--from", "a@elsewhere.example", "--to", f"{BOB},{ALICE}", "--body", "all at once")
        self.arrived(b"all at once")
        self.assertEqual(self.alice.count(), 1)

    def test_null_sender(self) -> None:
        self.swaks("smtp", "--from", "<>", "--to", BOB)
        self.arrived(b"Return-Path: <>")

    def test_unknown_user(self) -> None:
        said = self.swaks("smtp", "--from", "a@elsewhere.example", "--to", "nobody@seoul.example", status=24)
        self.assertIn("550 5.1.1", said)

    def test_other_domain(self) -> None:
        said = self.swaks("smtp", "--from", "a@elsewhere.example", "--to", "x@far.example", status=24)
        self.assertIn("550 5.7.1", said)

    def test_auth_on_submission(self) -> None:
        for mechanism in ("PLAIN", "LOGIN"):
            for how in (["--tls"], []):
                with self.subTest(mechanism=mechanism, how=how):
                    self.bob.clear()
                    self.swaks("submission", *how, "--auth", mechanism, "--auth-user", ALICE, "--auth-password", PASSWORD,
                               "--from", ALICE, "--to", BOB, "--body", f"with {mechanism}")
                    self.arrived(f"with {mechanism}".encode(), b"with ESMTPSA" if how else b"with ESMTPA")

    def test_submissions(self) -> None:
        self.swaks("submissions", "--tls-on-connect", "--auth", "PLAIN", "--auth-user", ALICE, "--auth-password", PASSWORD,
                   "--from", ALICE, "--to", BOB, "--body", "implicit")
        self.arrived(b"implicit", b"with ESMTPSA")

    def test_wrong_password(self) -> None:
        said = self.swaks("submission", "--tls", "--auth", "PLAIN", "--auth-user", ALICE, "--auth-password", "wrong", "--from",
                          ALICE, "--to", BOB, status=28)
        self.assertIn("535 5.7.8", said)

    def test_submission_wants_authentication(self) -> None:
        said = self.swaks("submission", "--tls", "--from", ALICE, "--to", BOB, status=23)
        self.assertIn("530 5.7.0", said)

    def test_foreign_sender_is_refused(self) -> None:
        said = self.swaks("submission", "--tls", "--auth", "PLAIN", "--auth-user", ALICE, "--auth-password", PASSWORD, "--from",
                          BOB, "--to", BOB, status=23)
        self.assertIn("5.7.1", said)

    def test_lmtp(self) -> None:
        self.swaks("lmtp", "--protocol", "LMTP", "--from", "a@elsewhere.example", "--to", f"{BOB},{ALICE}", "--body", "by lmtp")
        self.arrived(b"by lmtp", b"with LMTP")
        self.assertEqual(self.alice.count(), 1)


if __name__ == "__main__":
    unittest.main()
