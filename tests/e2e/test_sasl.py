"""SCRAM and its binding to the TLS channel, with GNU SASL's client; and what an attacker could try."""
import base64
import shutil
import subprocess
import time
import unittest

from case import ALICE, BOB, PASSWORD, ServerCase
from harness.raw import Wire


@unittest.skipUnless(shutil.which("gsasl"), "gsasl is not installed")
class Gsasl(ServerCase):
    settings = "[auth]\nmax_failure_delay = \"1s\"\n"
    def gsasl(self, mechanism: str, *, tls: bool, password: str = PASSWORD) -> str:
        command = ["gsasl", "--client", "--smtp", "--connect", f"{self.server.address}:{self.server.ports['submission']}",
                   "--mechanism", mechanism, "--authentication-id", ALICE, "--password", password, "--hostname", "client.example"]
        if not mechanism.endswith("-PLUS"):
            command.append("--no-cb")  # else it says that it could bind the channel, and a server that can, too, must refuse
        command += ["--x509-ca-file", str(self.server.certificate)] if tls else ["--no-starttls"]
        # Its exit status also tells how the session behind the login ended, which is not what is asked here.
        done = subprocess.run(command, input=b"", capture_output=True, timeout=30, check=False)
        return (done.stdout + done.stderr).decode(errors="replace")

    def test_scram_sha_256(self) -> None:
        self.assertIn("235", self.gsasl("SCRAM-SHA-256", tls=False))

    def test_scram_sha_256_under_tls(self) -> None:
        self.assertIn("235", self.gsasl("SCRAM-SHA-256", tls=True))

    def test_scram_sha_256_plus(self) -> None:
        self.assertIn("235", self.gsasl("SCRAM-SHA-256-PLUS", tls=True))

    def test_plain_and_login(self) -> None:
        for mechanism in ("PLAIN", "LOGIN"):
            self.assertIn("235", self.gsasl(mechanism, tls=True))

    def test_wrong_password(self) -> None:
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "PLAIN"):
            self.assertIn("535", self.gsasl(mechanism, tls=True, password="wrong"))


class Authentication(ServerCase):
    settings = "[auth]\nmax_failure_delay = \"2s\"\n"
    proxy = True

    def plain(self, wire: Wire, user: str, password: str) -> tuple[int, str]:
        return wire.command("AUTH PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode())

    def test_no_telling_whether_an_account_exists(self) -> None:
        first = self.plain(self.smtp("submission"), "nobody@seoul.example", "wrong")
        second = self.plain(self.smtp("submission"), BOB, "wrong")
        self.assertEqual(first, second)
        self.assertEqual(first[0], 535)

    def test_steady_salt_for_unknown_users(self) -> None:
        def salt(user: str) -> str:
            wire = self.smtp("submission")
            code, words = wire.command("AUTH SCRAM-SHA-256 " + base64.b64encode(f"n,,n={user},r=abcdefghij".encode()).decode())
            self.assertEqual(code, 334, words)
            return base64.b64decode(words).decode().split(",s=")[1]
        self.assertEqual(salt("nobody@seoul.example"), salt("nobody@seoul.example"))
        self.assertNotEqual(salt("nobody@seoul.example"), salt("noone@seoul.example"))

    def test_a_repeated_login_is_cheap(self) -> None:
        self.assertEqual(self.plain(self.smtp("submission"), ALICE, PASSWORD)[0], 235)
        before = self.server.cpu_seconds()
        for _ in range(20):
            self.assertEqual(self.plain(self.smtp("submission"), ALICE, PASSWORD)[0], 235)
        self.assertLess((self.server.cpu_seconds() - before) / 20, 0.005)

    def test_failed_logins_are_slowed_down(self) -> None:
        times = []
        for _ in range(4):
            wire = self.smtp("submission")
            begin = time.monotonic()
            self.assertIn(self.plain(wire, "carol@seoul.example", "wrong")[0], (535, 454, 421))
            times.append(time.monotonic() - begin)
        self.assertGreater(sum(times), 1.0, times)

    def test_no_password_in_the_log(self) -> None:
        self.plain(self.smtp("submission"), ALICE, "a-password-nobody-may-read")
        text = self.server.log.read_text()
        self.assertNotIn("a-password-nobody-may-read", text)
        self.assertNotIn(base64.b64encode(f"\0{ALICE}\0a-password-nobody-may-read".encode()).decode(), text)

    def remote(self, listener: str) -> Wire:
        """A client whom a proxy says to come from far away."""
        return self.wire(listener, first=b"PROXY TCP4 192.0.2.7 192.0.2.1 40000 587\r\n")

    def test_no_plaintext_password_without_tls(self) -> None:
        wire = self.remote("submission_proxy")
        wire.expect(220)
        self.assertNotIn("PLAIN", wire.expect(250, "EHLO test.example"))
        self.assertEqual(self.plain(wire, ALICE, PASSWORD)[0], 538)
        pop = self.remote("pop3_proxy")
        self.assertTrue(pop.line().startswith(b"+OK"))
        pop.send(f"USER {ALICE}\r\n".encode())
        first = pop.line()
        if first.startswith(b"+OK"):
            pop.send(f"PASS {PASSWORD}\r\n".encode())
            first = pop.line()
        self.assertTrue(first.startswith(b"-ERR"), first)

    def test_imap_takes_no_plaintext_password_without_tls(self) -> None:
        login = f"LOGIN {ALICE} \"{PASSWORD}\""
        wire = self.remote("imap_proxy")

        def ask(command: str) -> list[bytes]:
            wire.send(b"t " + command.encode() + b"\r\n")
            lines = [wire.line()]
            while not lines[-1].startswith(b"t "):
                lines.append(wire.line())
            return lines
        greeting = wire.line()
        for told in (greeting, ask("CAPABILITY")[0]):
            self.assertIn(b" LOGINDISABLED", told)
            self.assertIn(b" STARTTLS", told)
            self.assertNotIn(b"AUTH=PLAIN", told)
        self.assertTrue(ask(login)[-1].startswith(b"t NO [PRIVACYREQUIRED] "))
        plain = base64.b64encode(f"\0{ALICE}\0{PASSWORD}".encode()).decode()
        self.assertTrue(ask(f"AUTHENTICATE PLAIN {plain}")[-1].startswith(b"t NO "))
        self.assertTrue(ask("SELECT INBOX")[-1].startswith(b"t BAD "))
        self.assertTrue(ask("STARTTLS")[-1].startswith(b"t OK "))
        wire.start_tls()
        told = ask("CAPABILITY")[0]
        self.assertNotIn(b"LOGINDISABLED", told)
        self.assertNotIn(b"STARTTLS", told)
        self.assertIn(b" AUTH=PLAIN", told)
        self.assertTrue(ask(login)[-1].startswith(b"t OK "))

    def test_plaintext_password_from_afar_under_tls(self) -> None:
        wire = self.remote("submission_proxy")
        wire.expect(220)
        wire.expect(250, "EHLO test.example")
        wire.expect(220, "STARTTLS")
        wire.start_tls()
        wire.expect(250, "EHLO test.example")
        self.assertEqual(self.plain(wire, ALICE, PASSWORD)[0], 235)
