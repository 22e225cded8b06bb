"""Letters that leave for other mail servers: Exim, OpenSMTPD, Postfix, smtp-sink under load."""
import base64
import os
import pathlib
import subprocess
import tempfile
import unittest

from harness.mail_host import PORT, TAKEN, MailHost
from harness.mail_peers import Exim, OpenSmtpd, PostfixHost, why_no_exim, why_no_opensmtpd
from harness.peers import listens, why_no_postfix
from harness.server import BENCH, PASSWORD, make_certificate, own_address, target, wait_until
from relay_case import RelayCase

SMTP_SINK = pathlib.Path("/usr/sbin/smtp-sink")


class RealHosts(RelayCase):
    def talk_with(self, host, domain: str) -> dict:
        """Letters for two and for nobody, big and small, over the host's TLS; the last attempt's trace."""
        self.addCleanup(host.close)
        name = domain.removesuffix(".example")
        self.peer(name, host.address)
        host.start()
        self.open("seoul")
        dots = ".\r\n..\r\n.dot at the beginning\r\n"
        small = self.message(f"carl@{domain}", "small") + dots.encode()
        big = self.message(f"carl@{domain}", "big") + b"0123456789abcdef .\r\n" * 50_000
        korean = ("From: alice@seoul.example\r\nTo: carl\r\nSubject: =?utf-8?b?7ZWc6riA?=\r\nMessage-ID: <korean@seoul.example>\r\n"
                  "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n한글 편지\r\n").encode()
        for letter in (small, big, korean):
            self.submit([f"carl@{domain}", f"dora@{domain}"], letter, options=("BODY=8BITMIME",))
        self.submit([f"nobody@{domain}", f"carl@{domain}"], self.message(f"nobody@{domain}", "half"), rcpt_options=("NOTIFY=FAILURE",))

        def came() -> bool:
            found = host.letters()
            # Some hosts keep a letter once for each recipient, others once for all.
            return all(any(part in letter for letter in found) for part in (b"<small@", b"<big@", b"<korean@", b"<half@"))
        try:
            self.wait(came, f"all are at {domain}", 60)
        except AssertionError as late:
            raise AssertionError(f"{late}\n--- {domain}\n{host.log_text()}") from late
        self.wait(lambda: self.queue() == [], "the queue is empty")
        for sent in (small, big, korean):
            subject = sent.split(b"\r\n\r\n")[0]
            (mine, *more) = [letter for letter in host.letters() if sent.split(b"Message-ID: ")[1].split(b"\r\n")[0] in letter]
            self.assertLessEqual(len(more), 1, subject)
            # The body octet by octet; hosts may add fields, and an empty line at the end of a file.
            self.assertTrue(mine.rstrip(b"\r\n").endswith(sent.split(b"\r\n\r\n", 1)[1].rstrip(b"\r\n")), subject)
        alice = self.mailbox("seoul")
        self.wait(lambda: alice.count() == 1, "Alice hears of nobody")
        (bounce,) = alice.messages()
        self.assertIn(b"Final-Recipient: rfc822; nobody@" + domain.encode(), bounce)
        self.assertIn(b"Action: failed", bounce)
        self.assertNotIn(b"Final-Recipient: rfc822; carl@", bounce)
        (attempt,) = self.attempts("small")
        self.assertEqual(attempt["host"], f"mx.{domain}")
        self.assertEqual([one["fate"] for one in attempt["recipients"]], ["delivered", "delivered"])
        return attempt

    @unittest.skipIf(why_no_exim(), why_no_exim())
    def test_exim(self) -> None:
        attempt = self.talk_with(Exim(), "exim.example")
        self.assertIn("Exim", str(attempt["opening"]))
        self.assertTrue(attempt["tls"].startswith("TLSv1."), attempt)

    @unittest.skipIf(why_no_opensmtpd(), why_no_opensmtpd())
    def test_opensmtpd(self) -> None:
        attempt = self.talk_with(OpenSmtpd(), "opensmtpd.example")
        self.assertIn("OpenSMTPD", str(attempt["opening"]))
        # Debian 12's breaks off the handshake with every client (its separate process for keys and OpenSSL 3): then it goes in plain
        # text, and the trace says why.
        self.assertTrue("tls" in attempt or "alert" in attempt["tls_failure"], attempt)

    @unittest.skipIf(why_no_postfix(), why_no_postfix())
    def test_postfix(self) -> None:
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        certificate, key = make_certificate(folder, "host", "mx.postfix.example")
        attempt = self.talk_with(PostfixHost(["postfix.example"], certificate, key), "postfix.example")
        self.assertIn("ESMTP Postfix", str(attempt["opening"]))
        self.assertTrue(attempt["tls"].startswith("TLSv1."), attempt)


class Deadlines(RelayCase):
    def test_a_host_without_deliverby_does_not_get_what_must_be_back_in_time(self) -> None:
        host = MailHost()
        self.addCleanup(host.close)
        self.peer("daegu", host.address)
        self.open("seoul")
        self.submit(["carl@daegu.example"], self.message("carl@daegu.example"), options=("BY=3600;R",))
        alice = self.mailbox("seoul")
        self.wait(lambda: alice.count() == 1, "it comes back")
        (bounce,) = alice.messages()
        for part in (b"Action: failed", b"Status: 5.3.3", b"Final-Recipient: rfc822; carl@daegu.example"):
            self.assertIn(part, bounce)
        self.assertEqual(host.mails, [], "nothing was said of it to the host")
        self.assertEqual(self.queue(), [])

    def test_one_with_deliverby_gets_what_is_left_of_the_time(self) -> None:
        host = MailHost(offers=["DELIVERBY"])
        self.addCleanup(host.close)
        self.peer("daegu", host.address)
        self.open("seoul")
        self.submit(["carl@daegu.example"], self.message("carl@daegu.example"), options=("BY=3600;R",))
        self.wait(lambda: host.letters, "it is there")
        by = host.mails[0].split("BY=")[1].split()[0]
        self.assertTrue(3000 <= int(by.split(";")[0]) <= 3600 and by.endswith(";R"), host.mails)

    def test_a_notice_is_sent_where_the_time_may_pass(self) -> None:
        host = MailHost(["451 4.3.0 later", TAKEN])
        self.addCleanup(host.close)
        self.peer("daegu", host.address)
        self.open("seoul", queue='retry = "3s"\nretry_max = "3s"')
        self.submit(["carl@daegu.example"], self.message("carl@daegu.example"), options=("BY=1;N",))
        self.wait(lambda: host.letters, "it is there, late")
        self.assertEqual(self.queue(), [])


@unittest.skipUnless(SMTP_SINK.exists(), "smtp-sink is not installed")
class SmtpSink(RelayCase):
    def sink(self, *options: str) -> str:
        """A running smtp-sink; its address. It keeps each letter in a file."""
        self.address = own_address()
        self.kept = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.kept.chmod(0o777)
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        process = subprocess.Popen([str(SMTP_SINK), *user, "-d", f"{self.kept}/%M", *options, f"{self.address}:{PORT}", "500"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def end() -> None:
            process.kill()
            process.wait()
        self.addCleanup(end)
        wait_until(lambda: listens(self.address, PORT), 20, "smtp-sink listens")
        return self.address

    def load(self, count: int, **more: object) -> None:
        """Many submitters at once."""
        server = self.servers["seoul"]
        login = base64.b64encode(f"\0alice@seoul.example\0{PASSWORD}".encode()).decode()
        options = {"target": target(server, "submission"), "connections": 20, "messages": count, "users": 50, "domain": "daegu.example",
                   "login": login, "sender": "alice@seoul.example", "size": 3000, **more}
        done = subprocess.run([str(BENCH / "smtp_load"), *[str(word) for name, value in options.items() for word in (f"--{name}", value)]],
                              capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def letters_kept(self) -> list[bytes]:
        return [path.read_bytes() for path in self.kept.iterdir()]

    def test_under_load(self) -> None:
        self.peer("daegu", self.sink())
        self.open("seoul", more="[smtp]\ncheck_sender_fields = false")
        self.load(1000)
        self.wait(lambda: self.queue("--limit", "1") == [], "all are gone", 90)
        marks = [letter.split(b"X-Load: ")[1][:16] for letter in self.letters_kept()]
        self.assertEqual(len(marks), 1000)
        self.assertEqual(len(set(marks)), 1000, "each came once")
