"""Who really sent it: letters over SMTP are judged by a name server's records, signed by python3-dkim; pabal check says the same."""
import base64
import imaplib
import json
import subprocess
import tempfile
import time
import unittest

from case import ALICE, BOB, DOMAIN, PASSWORD, Mailbox, Server, ServerCase
from harness.mail import tls_context
from harness.name_server import SERVFAIL, NameServer, Zone
from harness.name_servers import NameServers, why_no_name_servers
from harness.raw import Wire, stuffed

try:
    import dkim
except ImportError:
    dkim = None

OURS, FOREIGN = "192.0.2.1", "203.0.113.9"


def make_key() -> tuple[bytes, str]:
    """An RSA key in PEM, and what p= says of it."""
    pem = subprocess.run(["openssl", "genrsa", "-traditional", "2048"], check=True, capture_output=True).stdout
    public = subprocess.run(["openssl", "rsa", "-pubout", "-outform", "DER"], input=pem, check=True, capture_output=True).stdout
    return pem, base64.b64encode(public).decode()


def zone_of(public: str) -> Zone:
    zone = Zone()
    for name, policy in (("busan", "reject"), ("daegu", "quarantine"), ("jeju", "none")):
        zone.add(f"{name}.example", "TXT", "v=spf1 ip4:192.0.2.1 -all")
        zone.add(f"_dmarc.{name}.example", "TXT", f"v=DMARC1; p={policy}")
        zone.add(f"s._domainkey.{name}.example", "TXT", f"v=DKIM1; k=rsa; p={public}")
    zone.add("1.2.0.192.in-addr.arpa", "PTR", "mail.busan.example")
    zone.add("mail.busan.example", "A", OURS)
    return zone


def letter(domain: str, extra: str = "", text: str = "It rains.") -> bytes:
    return (f"{extra}From: Bob <bob@{domain}>\r\nTo: <{ALICE}>\r\nSubject: hello\r\nDate: Sun, 22 Nov 2026 10:00:00 +0900\r\n"
            f"Message-ID: <{time.monotonic_ns()}@{domain}>\r\n\r\n{text}\r\n").encode()


@unittest.skipIf(dkim is None, "python3-dkim: not installed")
class Judged(ServerCase):
    """Strangers come through a proxy that tells their addresses: loopback itself is trusted."""
    proxy = True

    @classmethod
    def setUpClass(cls) -> None:
        cls.pem, public = make_key()
        cls.names = NameServer(zone_of(public))
        cls.public = public
        cls.settings = (f'[dns]\nservers = ["{cls.names.address}"]\ndnssec = false\n[smtp]\nmax_header_size = "4MiB"\n[sender_checks]\ndeadline = "4s"\n')
        super().setUpClass()

    @classmethod
    def tearDownClass(cls) -> None:
        super().tearDownClass()
        cls.names.close()

    def sign(self, message: bytes, domain: str, selector: str = "s") -> bytes:
        signature = dkim.sign(message, selector.encode(), domain.encode(), self.pem, include_headers=[b"from", b"to", b"subject"])
        return signature + message

    def send(self, client: str, sender: str, message: bytes) -> tuple[int, str]:
        wire = Wire(self.server.address, self.server.ports["smtp_proxy"],
                    first=f"PROXY TCP4 {client} {self.server.address} 40000 2526\r\n".encode())
        self.addCleanup(wire.socket.close)
        wire.expect(220)
        wire.expect(250, "EHLO mail.busan.example")
        wire.expect(250, f"MAIL FROM:<{sender}>")
        wire.expect(250, f"RCPT TO:<{ALICE}>")
        wire.expect(354, "DATA")
        wire.send(stuffed(message))
        return wire.reply()

    def header_of(self, message: bytes) -> tuple[str, str]:
        """The letter's first Authentication-Results without folding, and all that stands above the letter itself."""
        before = message.decode().split("\r\nFrom:", 1)[0]
        unfolded = before.replace("\r\n\t", " ").replace("\r\n ", " ")
        fields = [line for line in unfolded.split("\r\n") if line.startswith("Authentication-Results:")]
        self.assertTrue(fields, before)
        return fields[0], unfolded

    def stored(self) -> bytes:
        messages = self.alice.messages()
        self.assertEqual(len(messages), 1)
        return messages[0]

    def trace(self, reply: str) -> dict:
        done = self.server.cli("trace", reply.split()[-1], "--json")
        text = json.loads(done.stdout)
        found = []

        def look(value: object) -> None:
            if isinstance(value, dict):
                if "authentication" in value:
                    found.append(value["authentication"])
                for inner in value.values():
                    look(inner)
            elif isinstance(value, list):
                for inner in value:
                    look(inner)

        look(text)
        self.assertEqual(len(found), 1, done.stdout)
        return found[0]

    def test_a_signed_letter_of_its_own_server(self) -> None:
        message = self.sign(letter("busan.example"), "busan.example")
        code, words = self.send(OURS, "bob@busan.example", message)
        self.assertEqual(code, 250, words)
        stored = self.stored()
        self.assertTrue(stored.endswith(message))
        field, before = self.header_of(stored)
        for result in ("mail.seoul.example;", "spf=pass", "dkim=pass", "dmarc=pass", "iprev=pass", "header.d=busan.example"):
            self.assertIn(result, field)
        names = [line.split(":")[0] for line in before.split("\r\n") if ":" in line]
        self.assertEqual(names[:5], ["Return-Path", "Delivered-To", "Authentication-Results", "Received-SPF", "Received"])
        told = self.trace(words)
        self.assertEqual((told["spf"]["result"], told["dkim"][0]["result"], told["dmarc"]["result"]), ("pass", "pass", "pass"))
        self.assertIn("dmarc:", self.server.cli("trace", words.split()[-1]).stdout)

    def test_what_a_domain_asks_is_done(self) -> None:
        code, words = self.send(FOREIGN, "bob@busan.example", letter("busan.example"))
        self.assertEqual(code, 550, words)
        self.assertTrue(words.startswith("5.7.1 "), words)
        self.assertIn("busan.example", words)
        code, words = self.send(FOREIGN, "bob@jeju.example", letter("jeju.example"))
        self.assertEqual(code, 250, words)
        self.assertIn("dmarc=fail", self.header_of(self.stored())[0])
        code, words = self.send(FOREIGN, "bob@daegu.example", letter("daegu.example"))
        self.assertEqual(code, 250, words)
        self.assertEqual(len(self.alice.messages()), 1)
        self.assertEqual(self.trace(words)["dmarc"]["disposition"], "quarantine")
        with imaplib.IMAP4_SSL(self.server.address, self.server.ports["imaps"], ssl_context=tls_context()) as imap:
            imap.login(ALICE, PASSWORD)
            imap.select("Junk")
            _, found = imap.search(None, "KEYWORD", "$Junk")
            self.assertEqual(len(found[0].split()), 1)
            _, text = imap.fetch(found[0].split()[0], "(BODY.PEEK[HEADER])")
            self.assertIn(b"dmarc=fail", text[0][1])

    def test_a_refused_letter_leaves_a_trace(self) -> None:
        message = letter("busan.example")
        code, words = self.send(FOREIGN, "bob@busan.example", message)
        self.assertEqual(code, 550, words)
        name = words.rsplit("(", 1)[1].rstrip(")\r\n")
        message_id = next(line for line in message.decode().split("\r\n") if line.startswith("Message-ID: ")).split(" ")[1]
        for key in (name, message_id):
            told = json.loads(self.server.cli("trace", key, "--json").stdout)["traces"]
            self.assertEqual([(one["event"], one["id"], one["outcome"]) for one in told], [("refusal", name, "refused")])
            self.assertEqual(told[0]["client"], FOREIGN)
            self.assertEqual(told[0]["authentication"]["dmarc"]["result"], "fail")
            self.assertTrue(told[0]["reply"].startswith("550 5.7.1 "), told)
            self.assertIn("busan.example asks by DMARC", told[0]["authentication"]["decision"]["why"])
        self.assertIn("refusal", self.server.cli("trace", name).stdout)

    def test_whom_nobody_can_name_for_sure(self) -> None:
        body = f"To: <{ALICE}>\r\nSubject: x\r\n\r\ntext\r\n"
        two = letter("busan.example").replace(b"From: Bob <bob@", b"From: <ceo@bank.example> <bob@")
        signed = self.sign(two, "busan.example").decode()
        for message, said in ((body, "From field"), (f"From: a@nowhere.example\r\nFrom: b@nowhere.example\r\n{body}", "several"),
                              (f"From: <ceo@bank.example> x@nowhere.example\r\n{body}", "can't be read"),
                              (signed, "can't be read"),
                              (f"Subject: x\r\nfoo\r\nbar\r\nFrom: a@nowhere.example\r\n{body}", "breaks off"),
                              (f"From: MAILER-DAEMON\r\n{body}", "nobody")):
            with self.subTest(message=message):
                code, words = self.send(OURS, "a@nowhere.example", message.encode())
                self.assertEqual(code, 550, words)
                self.assertIn(said, words)
        code, words = self.send(OURS, "", f"From: MAILER-DAEMON\r\n{body}".encode())
        self.assertEqual(code, 250, words)

    def test_a_signature_alone_vouches_for_a_forwarded_letter(self) -> None:
        message = self.sign(letter("busan.example"), "busan.example")
        code, words = self.send(FOREIGN, "list@elsewhere.example", message)
        self.assertEqual(code, 250, words)
        self.alice.clear()
        code, words = self.send(FOREIGN, "list@elsewhere.example", message.replace(b"It rains.", b"It snows."))
        self.assertEqual(code, 550, words)

    def test_others_may_not_speak_for_us(self) -> None:
        forged = "Authentication-Results: mail.seoul.example; dkim=pass header.d=bank.example\r\n"
        kept = "Authentication-Results: elsewhere.example; dkim=pass header.d=bank.example\r\n"
        code, words = self.send(FOREIGN, "a@nowhere.example", letter("nowhere.example", forged + kept + forged))
        self.assertEqual(code, 250, words)
        stored = self.stored()
        self.assertEqual(stored.count(b"Authentication-Results:"), 2)
        self.assertEqual(stored.count(b"header.d=bank.example"), 1)
        # Nor whom we trust.
        with Wire(self.server.address, self.server.ports["smtp"]) as wire:
            wire.expect(220)
            wire.expect(250, "EHLO here")
            wire.expect(250, "MAIL FROM:<a@nowhere.example>")
            wire.expect(250, f"RCPT TO:<{BOB}>")
            wire.expect(354, "DATA")
            wire.send(stuffed(letter("nowhere.example", forged)))
            self.assertEqual(wire.reply()[0], 250)
        self.assertNotIn(b"Authentication-Results", self.bob.messages()[0])

    def test_a_name_server_that_fails(self) -> None:
        zone = self.names.zone
        for number, how in enumerate((SERVFAIL, "garbage", "silent")):
            domain = f"broken{number}.example"
            zone.add(domain, "TXT", "v=spf1 -all")
            zone.add(f"_dmarc.{domain}", "TXT", "v=DMARC1; p=reject")
            zone.fail(f"_dmarc.{domain}", how)
            with self.subTest(how=how):
                code, words = self.send(FOREIGN, f"a@{domain}", letter(domain))
                self.assertEqual(code, 250, words)
                self.assertIn("dmarc=temperror", self.header_of(self.stored())[0])
                self.alice.clear()

    def test_an_author_behind_a_long_header_is_one(self) -> None:
        filling = "".join(f"X-Filling-{n}: {'x' * 990}\r\n" for n in range(1500))
        code, words = self.send(FOREIGN, "a@jeju.example", letter("jeju.example", filling))
        self.assertEqual(code, 250, words)
        code, words = self.send(FOREIGN, "a@busan.example", letter("busan.example", filling))
        self.assertEqual(code, 550, words)
        self.assertIn("busan.example", words)

    def test_a_dead_name_opens_no_door(self) -> None:
        """A signature whose key can't be asked for leaves it open whether the author's domain made it: the letter may come again."""
        zone = self.names.zone
        for selector, how in (("dead", SERVFAIL), ("mute", "silent")):
            zone.fail(f"{selector}._domainkey.busan.example", how)
            with self.subTest(how=how):
                forged = self.sign(letter("busan.example"), "busan.example", selector)
                code, words = self.send(FOREIGN, "x@nowhere.example", forged)
                self.assertEqual(code, 451, words)
                self.assertIn("busan.example", words)
                # Where it says so itself the letter is the domain's, whatever else stands in it.
                code, words = self.send(FOREIGN, "x@nowhere.example", self.sign(forged, "busan.example"))
                self.assertEqual(code, 250, words)
        zone.fail("s._domainkey.nowhere.example", SERVFAIL)
        code, words = self.send(FOREIGN, "x@nowhere.example", self.sign(letter("busan.example"), "nowhere.example"))
        self.assertEqual(code, 550, words)

    def test_truncated_answers_are_asked_for_again(self) -> None:
        zone = self.names.zone
        zone.add("long.example", "TXT", "v=spf1 ip4:192.0.2.1 -all")
        zone.fail("long.example", "truncated")
        code, words = self.send(OURS, "a@long.example", letter("long.example"))
        self.assertEqual(code, 250, words)
        self.assertIn("spf=pass", self.header_of(self.stored())[0])

    def test_the_command_says_the_same(self) -> None:
        def check(message: bytes, *words: str) -> str:
            with tempfile.NamedTemporaryFile(suffix=".eml") as file:
                file.write(message)
                file.flush()
                return self.program(str(self.server.program), "check", file.name, "--dns-server", self.names.address,
                                    "--helo", "mail.busan.example", "--mail-from", "bob@busan.example", *words)

        message = self.sign(letter("busan.example"), "busan.example")
        told = json.loads(check(message, "--ip", OURS, "--json"))
        self.assertEqual((told["spf"]["result"], told["spf"]["domain"]), ("pass", "busan.example"))
        self.assertEqual([(one["result"], one["domain"], one["selector"]) for one in told["dkim"]], [("pass", "busan.example", "s")])
        self.assertEqual(told["arc"]["cv"], "none")
        self.assertEqual((told["dmarc"]["result"], told["dmarc"]["policy"], told["dmarc"]["disposition"]), ("pass", "reject", "none"))
        told = json.loads(check(letter("busan.example"), "--ip", FOREIGN, "--json"))
        self.assertEqual((told["dmarc"]["result"], told["dmarc"]["disposition"]), ("fail", "reject"))
        # Lines as Unix ends them are the same letter.
        told = json.loads(check(message.replace(b"\r\n", b"\n"), "--ip", OURS, "--json"))
        self.assertEqual(told["dkim"][0]["result"], "pass")
        lesson = check(letter("busan.example"), "--ip", FOREIGN)
        for part in ("v=spf1", "-all", "p=reject", "550 5.7.1", "DKIM"):
            self.assertIn(part, lesson)


@unittest.skipIf(why_no_name_servers(), why_no_name_servers())
class Forged(unittest.TestCase):
    """A record whose DNSSEC signature is wrong says nothing: the letter isn't judged by it, and may come again."""

    def test_a_forged_policy_is_not_believed(self) -> None:
        names = NameServers({"busan.example": '@ TXT "v=spf1 -all"\n_dmarc TXT "v=DMARC1; p=none"\n'},
                            forged={"busan.example": ("p=none", "p=reject")})
        self.addCleanup(names.close)
        settings = f'[dns]\nservers = ["{names.address}@5353"]\ntrust_anchor = "{names.trust_anchor}"\n'
        with Server(domain=DOMAIN, hostname="mail.seoul.example", settings=settings, proxy=True) as server:
            server.add_domain()
            server.add_account(ALICE)
            server.start()
            wire = Wire(server.address, server.ports["smtp_proxy"],
                        first=f"PROXY TCP4 {FOREIGN} {server.address} 40000 2526\r\n".encode())
            self.addCleanup(wire.socket.close)
            wire.expect(220)
            wire.expect(250, "EHLO x.example")
            wire.expect(250, "MAIL FROM:<bob@busan.example>")
            wire.expect(250, f"RCPT TO:<{ALICE}>")
            wire.expect(354, "DATA")
            wire.send(stuffed(letter("busan.example")))
            self.assertEqual(wire.reply()[0], 451)
            self.assertEqual(Mailbox(server, ALICE).count(), 0)


if __name__ == "__main__":
    unittest.main()
