"""What two sites on the Internet tell each other of their mail: DMARC and TLS reports, signed, sent, believed and shown; failure
reports; and letters that go on under a seal. Everything is published in a zone: keys, SPF, DMARC, TLS-RPT."""
import email
import email.policy
import gzip
import json
import pathlib
import smtplib
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
from email.message import EmailMessage

from case import PASSWORD, Mailbox, Server
from harness.certificates import Authority
from harness.mail_host import MailHost
from harness.sts_site import StsSite
from relay_case import PORT, RelayCase

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = ROOT.parent / "shared/suites/dmarc/rua-schema.xsd"
PEERS = ROOT / "tests/differential/signatures"
# Strangers and other sites come from loopback, too.
JUDGES = "[sender_checks]\ntrusted_networks = []\n"


def attachment(letter: bytes, media_type: str) -> bytes:
    """The octets of the one part of this type."""
    (part,) = [part for part in email.message_from_bytes(letter, policy=email.policy.SMTP).walk() if part.get_content_type() == media_type]
    return part.get_payload(decode=True)


class Exchange(RelayCase):
    def setUp(self) -> None:
        super().setUp()
        self.keys: dict[str, str] = {}

    def publish(self, *names: str, more: str = "", environment: dict[str, str] | None = None) -> None:
        """Sites whose keys, SPF and DMARC policies stand in the zone; somebody is at home in each, and so is reports@."""
        for name in names:
            server = Server(domain=f"{name}.example", hostname=f"mail.{name}.example")
            self.addCleanup(server.close)
            self.servers[name] = server
            self.peer(name, server.address)
            server.add_domain()
            person = f"{'alice' if name == 'seoul' else 'bob'}@{name}.example"
            server.add_account(person)
            server.cli("alias", "add", f"reports@{name}.example", person)
            self.zone += [f'{name} IN TXT "v=spf1 ip4:127.0.0.0/8 -all"', f"mail.{name} IN A {server.address}"]
            for record in json.loads(server.cli("domain", "dns", f"{name}.example", "--json").stdout)["records"]:
                if record["purpose"] == "DKIM":
                    self.zone.append(f"{record['name']} IN TXT {record['data']}")
                    self.keys[record["name"].rstrip(".")] = "".join(record["data"].split('"')[1::2])
        for name in names:
            server = self.servers[name]
            zone = server.folder / "example.zone"
            zone.write_text("$ORIGIN example.\n$TTL 60\n" + "\n".join(self.zone) + "\n")
            server.settings = (f'[dns]\nzones = ["{zone}"]\nservers = ["127.0.0.1@9"]\ntimeout = "2s"\n[queue]\nremote_port = {PORT}\n'
                               f'{JUDGES}[reports]\nmailboxes = ["reports@{name}.example"]\n{more}\n')
            server.write_config()
            server.start(environment=environment)
        for name in names:
            self.wait(lambda server=self.servers[name]: {key["state"] for key in self.report(server, "dkim", "list")["keys"]} == {"in use"},
                      f"the keys of {name} are used")

    def report(self, server: Server | str, *words: str) -> dict:
        if isinstance(server, str):
            server = self.servers[server]
        return json.loads(server.cli(*words, "--json").stdout)

    def write(self, author: str, to: list[str], text: str = "hello", subject: str = "hello") -> None:
        """Somebody who is at home writes."""
        server = self.servers[author.split("@")[1].split(".")[0]]
        context = ssl.create_default_context(cafile=str(server.certificate))
        context.check_hostname = False
        message = f"From: {author}\r\nTo: {', '.join(to)}\r\nSubject: {subject}\r\nMessage-ID: <{subject}@{server.domain}>\r\n\r\n{text}\r\n"
        with smtplib.SMTP(server.address, server.ports["submission"], "client.example", timeout=60) as client:
            client.starttls(context=context)
            client.login(author, PASSWORD)
            client.sendmail(author, to, message.encode())

    def strange(self, name: str, sender: str, to: str, message: bytes) -> int:
        """A stranger's letter; the code of the answer to it."""
        server = self.servers[name]
        with smtplib.SMTP(server.address, server.ports["smtp"], "mx.daegu.example", timeout=60) as client:
            client.ehlo()
            client.mail(sender)
            client.rcpt(to)
            return client.data(message)[0]

    def check_by_peers(self, letter: bytes) -> list[dict]:
        """What dkimpy and Mail::DKIM say of it: {"dkim": […], "arc": …}; the latter knows nothing of Ed25519."""
        with tempfile.TemporaryDirectory(prefix="pabal-test-") as folder:
            place = pathlib.Path(folder)
            (place / "world.json").write_text(json.dumps({name: [text] for name, text in self.keys.items()}))
            (place / "letter").write_bytes(letter)
            job = json.dumps({"id": 1, "at": time.time(), "do": "verify", "file": "letter"}) + "\n"
            return [json.loads(subprocess.run(peer, cwd=folder, input=job, text=True, capture_output=True, check=True, timeout=60).stdout)
                    for peer in ([sys.executable, str(PEERS / "dkimpy_peer.py")], ["perl", str(PEERS / "perl_peer.pl")])]

    def assert_signed(self, letter: bytes, arc: str = "none") -> None:
        """By both keys, and the chain is such."""
        dkimpy, perl = self.check_by_peers(letter)
        self.assertEqual((dkimpy["dkim"], dkimpy["arc"]), (["pass", "pass"], arc), dkimpy)
        self.assertEqual((perl["dkim"].count("pass"), perl["arc"]), (1, arc), perl)

    def validate(self, xml: bytes) -> None:
        if not SCHEMA.exists():
            return
        with tempfile.TemporaryDirectory(prefix="pabal-test-") as folder:
            place = pathlib.Path(folder)
            # As in reports/aggregate_test.cpp: its own types are of no namespace.
            (place / "schema.xsd").write_text(SCHEMA.read_text().replace('targetNamespace="urn:ietf:params:xml:ns:dmarc-2.0"', ""))
            (place / "report.xml").write_bytes(xml)
            done = subprocess.run(["xmllint", "--noout", "--schema", "schema.xsd", "report.xml"], cwd=folder, capture_output=True, text=True,
                                  check=False, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr + xml.decode())

    def test_an_aggregate_report_goes_from_site_to_site(self) -> None:
        self.zone += ['_dmarc.busan IN TXT "v=DMARC1; p=reject; rua=mailto:reports@busan.example,mailto:reports@jeju.example"',
                      '_dmarc.seoul IN TXT "v=DMARC1; p=none; rua=mailto:reports@seoul.example"']
        self.publish("seoul", "busan")
        alice, bob = self.mailbox("seoul"), self.mailbox("busan")
        self.write("bob@busan.example", ["alice@seoul.example"])
        self.wait(lambda: alice.count() == 1, "Alice has it")
        forged = b"From: bob@busan.example\r\nSubject: Your password\r\n\r\nhello\r\n"
        self.assertEqual(self.strange("seoul", "x@evil.example", "alice@seoul.example", forged), 550)
        seen = self.report("seoul", "dmarc", "report", "--seen")
        self.assertEqual([(one["domain"], one["messages"], one["passed"]) for one in seen["domains"]], [("busan.example", 2, 1)])
        sent = self.report("seoul", "dmarc", "report", "--send-now")
        self.assertEqual((sent["sent"], sent["over"]), (1, True), sent)
        self.assertIn("mailto:reports@jeju.example: not asked for there", sent["days"][0])  # nobody there agreed
        self.wait(lambda: bob.count() == 1, "the report is there")
        letter = bob.messages()[0]
        for part in (b"Subject: Report Domain: busan.example Submitter: seoul.example", b"Return-Path: <>", b"dmarc=pass", b"dkim=pass"):
            self.assertIn(part, letter)
        self.assert_signed(letter)
        xml = gzip.decompress(attachment(letter, "application/gzip"))
        self.validate(xml)
        self.assertIn(b"<disposition>reject</disposition>", xml)
        shown = self.wait(lambda: (found := self.report("busan", "dmarc", "report"))["reports"] and found, "it was read")
        self.assertEqual((shown["reports"], shown["messages"], shown["passed"]), (1, 2, 1))
        self.assertEqual([one["sender"] for one in shown["senders"]], ["seoul.example"])
        text = self.servers["busan"].cli("dmarc", "report", "--domain", "busan.example").stdout
        for part in ("seoul.example", "50.0%", "127."):
            self.assertIn(part, text)
        # The report is a letter with a policy, too, and nothing to report of.
        again = self.report("busan", "dmarc", "report", "--send-now")
        self.assertEqual(again["sent"], 0, again)
        self.assertTrue(any("it would tell of reports alone" in day for day in again["days"]), again)

    def test_nobody_believes_a_report_that_nothing_proves(self) -> None:
        self.publish("busan")
        text = (b"<feedback><report_metadata><org_name>google.com</org_name><report_id>1</report_id><date_range><begin>1795305600</begin>"
                b"<end>1795391999</end></date_range></report_metadata><policy_published><domain>busan.example</domain></policy_published></feedback>")
        letter = EmailMessage()
        letter["From"] = "noreply@daegu.example"
        letter["To"] = "reports@busan.example"
        letter.set_content("A report.")
        letter.add_attachment(gzip.compress(text), maintype="application", subtype="gzip", filename="a.xml.gz")
        self.assertEqual(self.strange("busan", "noreply@daegu.example", "reports@busan.example", letter.as_bytes(policy=email.policy.SMTP)), 250)
        self.wait(lambda: "nothing proved that the report is from daegu.example" in self.servers["busan"].log_tail(50), "it is refused")
        self.assertEqual(self.report("busan", "dmarc", "report")["reports"], 0)
        self.assertEqual(self.mailbox("busan").count(), 1)

    def test_a_tls_report_goes_by_mail_and_over_https(self) -> None:
        with tempfile.TemporaryDirectory(prefix="pabal-test-") as folder:
            authority = Authority(pathlib.Path(folder))
            site = StsSite(*authority.issue("site", "tls.busan.example"))
            self.addCleanup(site.close)
            self.zone += [f"tls.busan IN A {site.address}",
                          '_smtp._tls.busan IN TXT "v=TLSRPTv1; rua=mailto:reports@busan.example,https://tls.busan.example/reports?v=1"']
            self.publish("seoul", "busan", more='upload_networks = ["127.0.0.0/8"]\n',
                         environment={"SSL_CERT_FILE": str(authority.certificate)})
            bob = self.mailbox("busan")
            self.write("alice@seoul.example", ["bob@busan.example"])
            self.wait(lambda: bob.count() == 1, "Bob has it")
            sent = self.report("seoul", "tlsrpt", "report", "--send-now")
            self.assertEqual(sent["sent"], 2, sent)
            self.wait(lambda: bob.count() == 2, "the report is there")
            (letter,) = [one for one in bob.messages() if b"TLS-Report-Domain" in one]
            self.assertIn(b"dkim=pass", letter)
            ((where, media_type, octets),) = site.posted
            self.assertEqual((where, media_type), ("tls.busan.example/reports?v=1", "application/tlsrpt+gzip"))
            for packed in (octets, attachment(letter, "application/tlsrpt+gzip")):
                report = json.loads(gzip.decompress(packed))
                (policy,) = report["policies"]
                self.assertEqual((policy["policy"]["policy-domain"], policy["summary"]["total-successful-session-count"]), ("busan.example", 1))
            shown = self.wait(lambda: (found := self.report("busan", "tlsrpt", "report"))["reports"] and found, "it was read")
            self.assertEqual((shown["messages"], shown["passed"], shown["senders"][0]["sender"]), (1, 1, "seoul.example"))

    def test_a_failure_report_tells_of_one_letter_and_of_nobody(self) -> None:
        self.zone += ['_dmarc.busan IN TXT "v=DMARC1; p=reject; ruf=mailto:reports@busan.example,mailto:x@jeju.example; fo=0"']
        self.publish("seoul", "busan", more="failures = true\n")
        alice, bob = self.mailbox("seoul"), self.mailbox("busan")
        self.write("bob@busan.example", ["alice@seoul.example"])  # nothing to tell
        self.wait(lambda: alice.count() == 1, "Alice has it")
        forged = (b"From: Bob Lee <bob@busan.example>\r\nTo: alice@seoul.example\r\nSubject: Your password\r\nMessage-ID: <7@busan.example>\r\n"
                  b"\r\nSend it to me.\r\n")
        self.assertEqual(self.strange("seoul", "robber@evil.example", "alice@seoul.example", forged), 550)
        self.wait(lambda: bob.count() == 1, "the report is there")
        letter = bob.messages()[0]
        self.assertIn(b"dkim=pass", letter)
        own = letter[letter.index(b"From:"):]  # behind what Busan says of it
        for part in (b"Feedback-Type: auth-failure", b"Auth-Failure: dmarc", b"Identity-Alignment: none", b"Delivery-Result: reject",
                     b"Reported-Domain: busan.example", b"Source-IP: 127.", b"Message-ID: <7@busan.example>", b"@evil.example"):
            self.assertIn(part, own)
        for secret in (b"alice", b"password", b"Send it", b"Lee", b"bob@", b"robber"):
            self.assertNotIn(secret, own.replace(b"To: <reports@busan.example>", b""))
        self.wait(lambda: "_report._dmarc.jeju.example: no record that agrees" in self.servers["seoul"].log_tail(100), "Jeju wasn't asked for")
        # Machines' letters, and those without a sender, are never answered.
        for sender, extra in (("", b""), ("robber@evil.example", b"Auto-Submitted: auto-generated\r\n")):
            self.assertEqual(self.strange("seoul", sender, "alice@seoul.example", extra + forged), 550)
        self.write("alice@seoul.example", ["bob@busan.example"])
        self.wait(lambda: bob.count() == 2, "a later letter is there")
        self.assertEqual(sum(b"auth-failure" in one for one in bob.messages()), 1)

    def test_reports_wait_for_a_key(self) -> None:
        self.zone += ['_dmarc.busan IN TXT "v=DMARC1; p=none; rua=mailto:reports@busan.example"']
        self.publish("seoul", "busan")
        for key in self.report("seoul", "dkim", "list")["keys"]:
            self.servers["seoul"].cli("dkim", "retire", "seoul.example", key["selector"])
        self.assertEqual(self.strange("seoul", "x@busan.example", "alice@seoul.example", b"From: x@busan.example\r\n\r\nhello\r\n"), 250)
        refused = self.servers["seoul"].cli("dmarc", "report", "--send-now", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("no key in use signs the mail of seoul.example", refused.stderr)

    def test_what_aliases_send_on_is_sealed_and_the_chain_holds(self) -> None:
        sink = MailHost(["250 2.1.5 fine"], offers=["8BITMIME"])
        self.addCleanup(sink.close)
        self.peer("sink", sink.address)
        self.zone.append('_dmarc.busan IN TXT "v=DMARC1; p=reject"')
        self.publish("seoul", "busan", "jeju")
        self.servers["seoul"].cli("alias", "add", "friends@seoul.example", "friends@jeju.example")
        self.servers["jeju"].cli("alias", "add", "friends@jeju.example", "x@sink.example", "bob@jeju.example")
        self.write("bob@busan.example", ["friends@seoul.example"])
        self.wait(lambda: sink.letters, "the letter arrives")
        letter = sink.letters[0].octets
        self.assertEqual(letter.count(b"ARC-Seal:"), 2)
        self.assert_signed(letter, arc="pass")
        # Jeju saw the chain of one seal, and says so to its own.
        bob = Mailbox(self.servers["jeju"], "bob@jeju.example")
        self.wait(lambda: bob.count() == 1, "Bob of Jeju has it")
        self.assertIn(b"arc=pass", bob.messages()[0])
        # What was changed under the seals holds no more.
        for told in self.check_by_peers(letter.replace(b"\r\n\r\nhello", b"\r\n\r\nhellO")):
            self.assertNotIn("pass", [told["arc"], *told["dkim"]], told)

    def test_a_signed_letter_is_signed_again_where_it_must_be_made_7_bit(self) -> None:
        sink = MailHost(["250 2.1.5 fine"])
        self.addCleanup(sink.close)
        self.peer("sink", sink.address)
        self.publish("seoul")
        self.write("alice@seoul.example", ["x@sink.example"], text="밥 먹었어요?")
        self.wait(lambda: sink.letters, "the letter arrives")
        letter = sink.letters[0].octets
        self.assertTrue(letter.isascii())
        self.assert_signed(letter)
        trace = self.servers["seoul"].cli("trace", "<hello@seoul.example>", "--json").stdout
        self.assertIn("made fit for what this host takes", trace)


if __name__ == "__main__":
    unittest.main()
