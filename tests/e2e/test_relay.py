"""Letters that leave: two Pabal servers that know each other by a zone file and scripted peers, refusals and bounces."""
import json
import smtplib
import socket
import ssl
import subprocess
import threading
import time
import unittest

from case import PASSWORD, Mailbox, Server
from harness.server import own_address, wait_until

SMTP_PORT = 2525


class Refuser(threading.Thread):
    """A peer whose replies to RCPT follow a list; the last one goes on for ever. It takes what it accepts."""

    def __init__(self, replies: list[str]):
        super().__init__(daemon=True)
        self.replies = replies
        self.letters: list[bytes] = []
        self.recipients = 0
        self.address = own_address()
        self.socket = socket.create_server((self.address, SMTP_PORT))
        self.start()

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        file = connection.makefile("rwb")

        def say(text: str) -> None:
            file.write(text.encode() + b"\r\n")
            file.flush()
        say("220 refuser.example")
        while line := file.readline():
            verb = line[:4].upper()
            if verb == b"RCPT":
                reply = self.replies[min(self.recipients, len(self.replies) - 1)]
                self.recipients += 1
                say(reply)
            elif verb == b"DATA":
                say("354 go on")
                letter = b""
                while (part := file.readline()) not in (b".\r\n", b""):
                    letter += part
                self.letters.append(letter)
                say("250 2.0.0 taken")
            elif verb == b"QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")

    def close(self) -> None:
        self.socket.close()


class Relay(unittest.TestCase):
    """seoul.example and busan.example, each a server of its own; other domains of the zone are scripted peers."""

    def setUp(self) -> None:
        self.zone: list[str] = ["@ 60 IN SOA ns hostmaster 1 60 60 60 60", "@ IN NS ns"]
        self.servers: dict[str, Server] = {}

    def peer(self, name: str, address: str) -> None:
        self.zone += [f"{name} IN MX 10 mx.{name}", f"mx.{name} IN A {address}"]

    def open(self, *names: str, queue: str = "") -> None:
        for name in names:
            server = Server(domain=f"{name}.example", hostname=f"mail.{name}.example")
            self.addCleanup(server.close)
            self.servers[name] = server
            self.peer(name, server.address)
        for name in names:
            server = self.servers[name]
            zone = server.folder / "example.zone"
            zone.write_text("$ORIGIN example.\n$TTL 60\n" + "\n".join(self.zone) + "\n")
            # A resolver that never answers: all there is stands in the zone.
            server.settings = (f'[dns]\nzones = ["{zone}"]\nservers = ["127.0.0.1@9"]\ntimeout = "2s"\n'
                               f"[queue]\nremote_port = {SMTP_PORT}\n{queue}\n")
            server.write_config()
            server.add_domain()
            server.add_account(f"{'alice' if name == 'seoul' else 'bob'}@{name}.example")
            server.start()

    def submit(self, to: list[str], message: bytes, sender: str = "alice@seoul.example", options: tuple = (),
               rcpt_options: tuple = ()) -> None:
        server = self.servers["seoul"]
        context = ssl.create_default_context(cafile=str(server.certificate))
        context.check_hostname = False
        with smtplib.SMTP(server.address, server.ports["submission"], "client.example", timeout=60) as client:
            client.starttls(context=context)
            client.login("alice@seoul.example", PASSWORD)
            client.sendmail(sender, to, message, options, rcpt_options)

    def queue(self, *words: str) -> list[dict]:
        return json.loads(self.servers["seoul"].cli("queue", "list", *words, "--json").stdout)["letters"]

    def message(self, to: str, subject: str = "hello") -> bytes:
        return (f"From: alice@seoul.example\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{subject}@seoul.example>\r\n"
                f"\r\nhello\r\n").encode()

    def mailbox(self, name: str) -> Mailbox:
        return Mailbox(self.servers[name], f"{'alice' if name == 'seoul' else 'bob'}@{name}.example")

    def wait(self, condition, what: str, seconds: float = 30):
        try:
            return wait_until(condition, seconds, what, step=0.1)
        except TimeoutError as late:
            logs = "\n".join(f"--- {name}\n{server.log_tail(30)}" for name, server in self.servers.items())
            raise AssertionError(f"{late}\n{logs}") from late

    def test_alice_writes_to_bob(self) -> None:
        self.open("seoul", "busan")
        self.submit(["bob@busan.example"], self.message("bob@busan.example"))
        bob = self.mailbox("busan")
        self.wait(lambda: bob.count() == 1, "Bob has it")
        (letter,) = bob.messages()
        self.assertIn(b"Return-Path: <alice@seoul.example>", letter)
        self.assertIn(b"by mail.busan.example", letter)
        self.assertIn(b"ESMTPS", letter, "between the two servers, too")
        self.wait(lambda: self.queue() == [], "the queue is empty")
        shown = self.servers["seoul"].cli("trace", "<hello@seoul.example>", "--json").stdout
        (trace,) = json.loads(shown)["traces"]
        (attempt,) = trace["attempts"]
        self.assertEqual(attempt["host"], "mx.busan.example")
        self.assertEqual(attempt["recipients"][0]["fate"], "delivered")
        self.assertTrue(any("MX" in line for line in attempt["route"]), attempt)

    def test_an_unknown_user_comes_back(self) -> None:
        self.open("seoul", "busan")
        self.submit(["nobody@busan.example"], self.message("nobody@busan.example"))
        alice = self.mailbox("seoul")
        self.wait(lambda: alice.count() == 1, "the bounce is there")
        (bounce,) = alice.messages()
        for part in (b"Return-Path: <>", b"multipart/report", b"Action: failed", b"550 5.1.1", b"There is no such address there"):
            self.assertIn(part, bounce)
        self.assertEqual(self.queue(), [])

    def test_an_author_who_asks_hears_of_success(self) -> None:
        self.open("seoul", "busan")
        self.submit(["bob@busan.example", "alice@seoul.example"], self.message("bob@busan.example"), rcpt_options=("NOTIFY=SUCCESS",))
        alice = self.mailbox("seoul")
        self.wait(lambda: alice.count() == 3, "her own copy, and two notices")
        notices = [letter for letter in alice.messages() if b"multipart/report" in letter]
        self.assertEqual(len(notices), 2)
        for address, host in ((b"bob@busan.example", b"mail.busan.example"), (b"alice@seoul.example", b"mail.seoul.example")):
            (notice,) = [one for one in notices if b"Final-Recipient: rfc822; " + address in one]
            for part in (b"Return-Path: <>", b"Action: delivered", b"Status: 2.0.0", b"Reporting-MTA: dns; " + host):
                self.assertIn(part, notice)

    def test_no_such_domain(self) -> None:
        self.open("seoul")
        self.submit(["bob@nowhere.example"], self.message("bob@nowhere.example"))
        alice = self.mailbox("seoul")
        self.wait(lambda: alice.count() == 1, "the bounce is there")
        self.assertIn(b"Status: 5.1.2", alice.messages()[0])

    def test_tried_again_and_by_the_operator(self) -> None:
        refuser = Refuser(["452 4.3.1 no room", "250 2.1.5 ok"])
        self.addCleanup(refuser.close)
        self.peer("daegu", refuser.address)
        self.open("seoul")
        self.submit(["carl@daegu.example"], self.message("carl@daegu.example"))
        (row,) = self.wait(lambda: [row for row in self.queue() if row["attempts"] == 1], "one attempt was made")
        self.assertIn("452 4.3.1", row["last_error"])
        self.assertGreater(row["next_attempt"], time.time() + 20 * 60)
        self.assertEqual(self.queue("--domain", "busan.example"), [])
        self.assertEqual(len(self.queue("--sender", "@seoul.example")), 1)
        seoul = self.servers["seoul"]
        self.assertIn("daegu.example", seoul.cli("queue", "domains").stdout)
        seoul.cli("queue", "hold", row["id"])
        self.assertEqual(len(self.queue("--state", "held")), 1)
        seoul.cli("queue", "release", row["id"])
        seoul.cli("queue", "retry", row["id"])
        self.wait(lambda: refuser.letters, "it was tried again")
        self.wait(lambda: self.queue() == [], "the queue is empty")
        (trace,) = json.loads(seoul.cli("trace", row["id"], "--json").stdout)["traces"]
        self.assertEqual([one["recipients"][0]["fate"] for one in trace["attempts"]], ["passing", "delivered"])

    def test_a_restart_and_a_kill_lose_nothing(self) -> None:
        refuser = Refuser(["452 4.3.1 no room"])
        self.addCleanup(refuser.close)
        self.peer("daegu", refuser.address)
        self.open("seoul", queue='retry = "2s"\nretry_max = "2s"')
        for number in range(20):
            self.submit(["carl@daegu.example"], self.message("carl@daegu.example", f"letter{number}"))
        seoul = self.servers["seoul"]
        seoul.kill()
        refuser.replies = ["250 2.1.5 ok"]
        seoul.start()
        self.wait(lambda: self.queue() == [], "all are gone", 60)
        subjects = {letter.split(b"Subject: ")[1].split(b"\r\n")[0] for letter in refuser.letters}
        self.assertEqual(len(subjects), 20)
        self.assertEqual(len(refuser.letters), 20, "none twice")

    def test_an_alias_to_elsewhere(self) -> None:
        refuser = Refuser(["250 2.1.5 ok"])
        self.addCleanup(refuser.close)
        self.peer("daegu", refuser.address)
        self.open("seoul", "busan")
        self.servers["busan"].cli("alias", "add", "away@busan.example", "carl@daegu.example")
        self.submit(["away@busan.example"], self.message("away@busan.example"))
        self.wait(lambda: refuser.letters, "it went on")
        busan = self.servers["busan"]
        (trace,) = json.loads(busan.cli("trace", "<hello@seoul.example>", "--json").stdout)["traces"]
        self.assertEqual(trace["recipients"][0]["forwarded_to"], ["carl@daegu.example"])
        rewritten = self.wait(lambda: json.loads(busan.cli("trace", "<hello@seoul.example>", "--json").stdout)["traces"][0]
                              .get("attempts"), "the attempt is known")[0]["sender"]
        self.assertTrue(rewritten.startswith("SRS0="), rewritten)
        self.assertTrue(rewritten.endswith("@busan.example"), rewritten)
        # A bounce to that address finds Alice.
        with smtplib.SMTP(busan.address, busan.ports["smtp"], "mx.daegu.example", timeout=60) as client:
            client.sendmail("", [rewritten], b"Subject: no\r\n\r\nno\r\n")
        alice = self.mailbox("seoul")
        self.wait(lambda: alice.count() == 1, "the bounce has found Alice")

    def test_strangers_may_not(self) -> None:
        self.open("seoul")
        seoul = self.servers["seoul"]
        with smtplib.SMTP(seoul.address, seoul.ports["smtp"], "client.example", timeout=60) as client:
            client.ehlo()
            client.mail("x@elsewhere.example")
            self.assertEqual(client.rcpt("bob@busan.example")[0], 550)

    def test_sendmail(self) -> None:
        self.open("seoul", "busan")
        done = subprocess.run([str(self.servers["seoul"].program), "sendmail", "--config", str(self.servers["seoul"].config), "-f",
                               "alice@seoul.example", "bob@busan.example"], input=b"Subject: by hand\n\nhello\n",
                              capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        self.wait(lambda: self.mailbox("busan").count() == 1, "Bob has it")


if __name__ == "__main__":
    unittest.main()
