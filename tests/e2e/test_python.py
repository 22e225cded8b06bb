"""Python's smtplib and poplib, LMTP, and addresses in Korean."""
import email
import poplib
import smtplib
import threading

from case import ALICE, BOB, DOMAIN, PASSWORD, ServerCase
from harness.mail import make_message, tls_context, trace_of

MINSU = f"민수@{DOMAIN}"


class Smtplib(ServerCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.server.add_account(MINSU)
        cls.server.cli("domain", "add", "서울.example")
        cls.server.add_account("영희@서울.example")
        cls.server.cli("alias", "add", f"both@{DOMAIN}", ALICE, BOB)

    def client(self, listener: str = "smtp") -> smtplib.SMTP:
        client = smtplib.SMTP(self.server.address, self.server.ports[listener], "client.example", timeout=30)
        self.addCleanup(client.close)
        return client

    def test_several_messages_in_a_session(self) -> None:
        sent = [make_message(n, to=BOB, size=size) for n, size in enumerate((300, 5_000, 70_000, 1_500_000, 6_000_000))]
        with self.client() as client:
            for message in sent:
                client.sendmail("a@elsewhere.example", [BOB, ALICE], message)
        for box in (self.alice, self.bob):
            got = box.messages()
            self.assertEqual(len(got), len(sent))
            for retrieved, original in zip(got, sent):
                trace_of(self, retrieved, original)

    def test_what_is_announced(self) -> None:
        with self.client() as client:
            client.ehlo()
            for word in ("pipelining", "size", "8bitmime", "binarymime", "smtputf8", "chunking", "starttls", "enhancedstatuscodes"):
                self.assertTrue(client.has_extn(word), word)
            client.starttls(context=tls_context())
            client.ehlo()
            self.assertFalse(client.has_extn("starttls"))
        with self.client("submission") as client:
            client.starttls(context=tls_context())
            client.ehlo()
            self.assertIn("SCRAM-SHA-256", client.esmtp_features["auth"])
            self.assertIn("SCRAM-SHA-256-PLUS", client.esmtp_features["auth"])

    def test_binary_octets_arrive_and_are_read_in_lines(self) -> None:
        octets = bytes(range(256)) * 300 + b"\r\n.\r\n\0\n\r"
        message = (b"From: a@elsewhere.example\r\nSubject: binary\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
                   b"\r\n--b\r\nContent-Type: text/plain\r\n\r\nan image:\r\n--b\r\nContent-Type: image/png\r\n"
                   b"Content-Transfer-Encoding: binary\r\n\r\n" + octets + b"\r\n--b--\r\n")
        with self.client() as client:
            client.ehlo()
            self.assertEqual(client.mail("a@elsewhere.example", ["BODY=BINARYMIME"])[0], 250)
            self.assertEqual(client.rcpt(BOB)[0], 250)
            self.assertEqual(client.docmd("DATA")[0], 503)
            for at in range(0, len(message), 30_000):
                chunk = message[at:at + 30_000]
                client.send(f"BDAT {len(chunk)}{' LAST' if at + 30_000 >= len(message) else ''}\r\n".encode() + chunk)
                self.assertEqual(client.getreply()[0], 250)
        (got,) = self.bob.messages()
        self.assertNotIn(b"\0", got)
        parsed = email.message_from_bytes(got)
        self.assertEqual(parsed.get_payload(0).get_payload(), "an image:")
        self.assertEqual(parsed.get_payload(1)["Content-Transfer-Encoding"], "base64")
        self.assertEqual(parsed.get_payload(1).get_payload(decode=True), octets)

    def test_size_is_enforced(self) -> None:
        with self.client() as client:
            client.ehlo()
            limit = int(client.esmtp_features["size"])
            self.assertEqual(client.mail("a@elsewhere.example", [f"SIZE={limit + 1}"])[0], 552)
            self.assertEqual(client.mail("a@elsewhere.example", ["SIZE=1000"])[0], 250)

    def test_subaddress_alias_and_case(self) -> None:
        with self.client() as client:
            client.sendmail("a@elsewhere.example", [f"Alice+tag@{DOMAIN.upper()}"], make_message(1, to=ALICE))
            client.sendmail("a@elsewhere.example", [f"both@{DOMAIN}", BOB], make_message(2, to=BOB))
        self.assertEqual(self.alice.count(), 2)
        self.assertEqual(self.bob.count(), 1)

    def test_postmaster(self) -> None:
        with self.client() as client:
            for postmaster in ("postmaster", "PostMaster", f"postmaster@{DOMAIN}"):
                client.ehlo()
                client.mail("a@elsewhere.example")
                self.assertEqual(client.rcpt(postmaster)[0], 250, postmaster)
                client.rset()

    def test_korean_addresses(self) -> None:
        message = make_message(3, to=MINSU, sender="철수@부산.example", extra="X-Note: 안녕하세요")
        for user in (MINSU, "영희@서울.example"):
            with self.subTest(user=user), self.client() as client:
                client.ehlo()
                code, words = self.say(client, "MAIL FROM:<철수@부산.example> SMTPUTF8 BODY=8BITMIME")
                self.assertEqual(code, 250, words)
                code, words = self.say(client, f"RCPT TO:<{user}>")
                self.assertEqual(code, 250, words)
                self.assertEqual(client.data(message)[0], 250)
            session = poplib.POP3(self.server.address, self.server.ports["pop3"], timeout=30)
            session.encoding = "utf-8"
            session.utf8()
            session.user(user)
            session.pass_(PASSWORD)
            self.assertEqual(session.stat()[0], 1)
            retrieved = b"\r\n".join(session.retr(1)[1]) + b"\r\n"
            trace = trace_of(self, retrieved, message)
            self.assertRegex(trace.decode(), "Return-Path: <철수@(부산|xn--or3bi2d).example>")
            self.assertIn(b"UTF8SMTP", trace)
            session.dele(1)
            session.quit()

    def test_korean_domain_as_a_label(self) -> None:
        with self.client() as client:
            client.ehlo()
            client.mail("a@elsewhere.example")
            self.assertEqual(client.rcpt("alice@xn--2i4bq6h.example")[0], 550)  # the domain is ours, Alice isn't there

    @staticmethod
    def say(client: smtplib.SMTP, line: str) -> tuple[int, bytes]:
        client.send(line.encode() + b"\r\n")
        return client.getreply()

    def test_many_at_once(self) -> None:
        failed: list[object] = []

        def send(first: int) -> None:
            try:
                with smtplib.SMTP(self.server.address, self.server.ports["smtp"], "client.example", timeout=60) as client:
                    for number in range(first, first + 20):
                        client.sendmail("a@elsewhere.example", [BOB], make_message(number, to=BOB))
            except Exception as error:  # reported below: a thread's exception would be lost
                failed.append(error)
        threads = [threading.Thread(target=send, args=(100 * n,)) for n in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failed, [])
        subjects = sorted(m.split(b"Subject: message ")[1].split(b"\r\n")[0] for m in self.bob.messages())
        self.assertEqual(subjects, sorted(str(100 * n + k).encode() for n in range(10) for k in range(20)))


class Lmtp(ServerCase):
    def test_a_reply_for_each_recipient(self) -> None:
        with smtplib.LMTP(self.server.address, self.server.ports["lmtp"], "client.example") as client:
            client.ehlo("client.example")
            message = make_message(1, to=BOB)
            client.mail("a@elsewhere.example")
            self.assertEqual(client.rcpt(BOB)[0], 250)
            self.assertEqual(client.rcpt(f"nobody@{DOMAIN}")[0], 550)
            self.assertEqual(client.rcpt(ALICE)[0], 250)
            self.assertEqual(client.data(message)[0], 250)
            self.assertEqual(client.getreply()[0], 250)
            self.assertEqual(client.noop()[0], 250)
        for box in (self.alice, self.bob):
            (retrieved,) = box.messages()
            trace_of(self, retrieved, message)

    def test_ehlo_is_not_lmtp(self) -> None:
        wire = self.wire("lmtp")
        wire.expect(220)
        self.assertGreaterEqual(wire.command("EHLO test.example")[0], 500)
