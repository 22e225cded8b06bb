"""curl sends and fetches: smtp, smtps, pop3, pop3s."""
import subprocess

from case import ALICE, BOB, PASSWORD, ServerCase
from harness.mail import make_message, trace_of


class Curl(ServerCase):
    def send(self, url: str, message: bytes, *more: str) -> None:
        self.program("curl", "-sS", "--max-time", "30", "-k", "--url", url, "--mail-from", ALICE, "--mail-rcpt", BOB, "-T", "-",
                     *more, input_text=message)

    def fetch(self, scheme: str, path: str, *more: str) -> bytes:
        url = f"{scheme}://{self.server.address}:{self.server.ports[scheme]}/{path}"
        done = subprocess.run(["curl", "-sS", "--max-time", "30", "-k", "--user", f"{BOB}:{PASSWORD}", "--url", url, *more],
                              capture_output=True, check=False, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def url(self, scheme: str, listener: str) -> str:
        return f"{scheme}://{self.server.address}:{self.server.ports[listener]}/client.example"

    def test_smtp_and_pop3(self) -> None:
        message = make_message(1, to=BOB, sender=ALICE, size=30_000)
        self.send(self.url("smtp", "smtp"), message)
        self.assertIn(b"1 ", self.fetch("pop3", ""))
        trace_of(self, self.fetch("pop3", "1"), message)

    def test_starttls_and_stls(self) -> None:
        message = make_message(2, to=BOB, sender=ALICE, size=30_000)
        self.send(self.url("smtp", "smtp"), message, "--ssl-reqd")
        trace_of(self, self.fetch("pop3", "1", "--ssl-reqd"), message)

    def test_smtps_and_pop3s(self) -> None:
        message = make_message(3, to=BOB, sender=ALICE, size=2_000_000)
        self.send(self.url("smtps", "submissions"), message, "--user", f"{ALICE}:{PASSWORD}")
        trace_of(self, self.fetch("pop3s", "1"), message)

    def test_each_mechanism(self) -> None:
        for mechanism in ("PLAIN", "LOGIN"):
            with self.subTest(mechanism=mechanism):
                self.send(self.url("smtps", "submissions"), make_message(4, to=BOB, sender=ALICE), "--user",
                          f"{ALICE}:{PASSWORD}", "--login-options", f"AUTH={mechanism}")
                self.fetch("pop3s", "", "--login-options", f"AUTH={mechanism}")

    def test_pop3_commands(self) -> None:
        for number in (5, 6):
            self.send(self.url("smtp", "smtp"), make_message(number, to=BOB, sender=ALICE))
        self.assertEqual(len(self.fetch("pop3", "", "-X", "UIDL").splitlines()), 2)
        self.assertIn(b"message 6", self.fetch("pop3", "", "-X", "TOP 2 0"))
        self.fetch("pop3", "1", "-X", "DELE", "-l")
        self.assertEqual(self.bob.count(), 1)
