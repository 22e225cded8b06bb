"""How safe the way must be: DANE by a signed zone, MTA-STS by a policy on a web server."""
import pathlib
import smtplib
import ssl
import tempfile
import unittest

from harness.certificates import Authority, sha256_of, sha256_of_key
from harness.mail_host import MailHost
from harness.mail_peers import PostfixHost
from harness.name_servers import NameServers, why_no_name_servers
from harness.peers import why_no_postfix
from harness.sts_site import StsSite, sts_policy
from relay_case import IS_ROOT, RelayCase


def server_context(certificate: pathlib.Path, key: pathlib.Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


class SafeWays(RelayCase):
    def setUp(self) -> None:
        super().setUp()
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.folder.chmod(0o755)
        self.authority = Authority(self.folder)

    def waits(self, to: str, *words: str) -> dict:
        """The letter stays in the queue, and these words say why."""
        row = self.wait_for_attempt(to)
        for word in words:
            self.assertIn(word, row["last_error"])
        return row


@unittest.skipIf(why_no_name_servers() or why_no_postfix(), why_no_name_servers() or why_no_postfix())
class Dane(SafeWays):
    def test_to_postfix(self) -> None:
        """One Postfix under five names, of which the zone says different things."""
        names = ("good", "chain", "wrong", "bare", "forged")
        certificate, key = self.authority.issue("postfix", *(f"mx.{name}.example" for name in names), "mx.forged.mail")
        postfix = PostfixHost([f"{name}.example" for name in names] + ["forged.mail"], certificate, key)
        self.addCleanup(postfix.close)
        plain = MailHost()  # it has TLSA records, and no TLS
        self.addCleanup(plain.close)
        records = {"good": f"3 1 1 {sha256_of_key(certificate)}", "chain": f"2 0 1 {sha256_of(self.authority.certificate)}",
                   "wrong": "3 1 1 " + "12" * 32, "bare": f"3 1 1 {sha256_of_key(certificate)}"}
        zone = "".join(f"{name} MX 10 mx.{name}\nmx.{name} A {plain.address if name == 'bare' else postfix.address}\n"
                       f"_2525._tcp.mx.{name} TLSA {record}\n" for name, record in records.items())
        forged = f"@ MX 10 mx\nmx A {postfix.address}\n_2525._tcp.mx TLSA 3 1 1 {'34' * 32}\n"
        lying = f"@ MX 10 mx.good.example.\nmx A 192.0.2.77\n@ TXT \"x\"\nother A 192.0.2.78\n"
        servers = NameServers({"example": zone, "forged.mail": forged, "lying.mail": lying},
                              {"forged.mail": ("34" * 32, "56" * 32), "lying.mail": ("mx.good.example.", "mx.wrong.example.")})
        self.addCleanup(servers.close)
        self.dns = servers.settings
        with postfix:
            self.open("seoul")
            for name in (*records, "forged", "lying"):
                domain = f"{name}.{'mail' if name in ('forged', 'lying') else 'example'}"
                self.submit([f"carl@{domain}"], self.message(f"carl@{domain}", name))
            self.wait(lambda: len(postfix.letters()) == 2, "two are there", 60)
            self.assertEqual({letter.split(b"Subject: ")[1].split(b"\r\n")[0] for letter in postfix.letters()}, {b"good", b"chain"})
            for name, verified in (("good", "DANE 3 1 1"), ("chain", "DANE 2 0 1")):
                (attempt,) = self.wait(lambda name=name: self.attempts(name), "the attempt is known")
                self.assertTrue(attempt["verified"].startswith(verified), attempt)
                self.assertTrue(any("TLSA" in line for line in attempt["route"]), attempt)
            self.waits("carl@wrong.example", "DANE")
            self.waits("carl@bare.example", "TLS")
            self.waits("carl@forged.mail", "TLSA records can't be looked up")
            self.waits("carl@lying.mail", "can't be looked up")
            self.assertEqual(plain.mails, [])
            self.assertEqual(len(postfix.letters()), 2)


@unittest.skipUnless(IS_ROOT, "port 443 is for root alone")
class MtaSts(SafeWays):
    def host(self, name: str, certificate: pathlib.Path, key: pathlib.Path) -> MailHost:
        host = MailHost(tls=server_context(certificate, key))
        self.addCleanup(host.close)
        self.peer(name, host.address)
        return host

    def site(self, name: str, policy: str, *, believed: bool = True) -> StsSite:
        """The domain has a policy; its web server's certificate may be nobody's."""
        authority = self.authority
        if not believed:
            (self.folder / "other").mkdir(exist_ok=True)
            authority = Authority(self.folder / "other")
        site = StsSite(*authority.issue(f"web-{name}", f"mta-sts.{name}.example"), policy)
        self.addCleanup(site.close)
        self.zone += [f'_mta-sts.{name} IN TXT "v=STSv1; id=1"', f"mta-sts.{name} IN A {site.address}"]
        return site

    def test_policies(self) -> None:
        good = self.authority.issue("good", "mx.good.example")
        wrong = self.authority.issue("wrong", "somebody.else.example")
        hosts = {name: self.host(name, *(good if name == "good" else wrong)) for name in
                 ("good", "enforce", "testing", "stranger", "nopolicy", "unbelieved")}
        plain = MailHost()
        self.addCleanup(plain.close)
        self.peer("plain", plain.address)
        sites = {"good": self.site("good", sts_policy("enforce", "mx.good.example")),
                 "enforce": self.site("enforce", sts_policy("enforce", "mx.enforce.example")),
                 "testing": self.site("testing", sts_policy("testing", "mx.testing.example")),
                 "stranger": self.site("stranger", sts_policy("enforce", "*.elsewhere.example")),
                 "plain": self.site("plain", sts_policy("enforce", "mx.plain.example")),
                 # Neither of these two has a policy that counts.
                 "nopolicy": self.site("nopolicy", ""),
                 "unbelieved": self.site("unbelieved", sts_policy("enforce", "mx.unbelieved.example"), believed=False)}
        self.open("seoul", environment={"SSL_CERT_FILE": str(self.authority.certificate)})
        for name in sites:
            self.submit([f"carl@{name}.example"], self.message(f"carl@{name}.example", name))
        for name in ("good", "testing", "nopolicy", "unbelieved"):
            self.wait(lambda name=name: hosts[name].letters, f"{name} has its letter")
            self.assertTrue(hosts[name].letters[0].tls, name)
        self.waits("carl@enforce.example", "hostname mismatch")
        self.waits("carl@stranger.example", "MTA-STS")
        self.waits("carl@plain.example", "TLS")
        self.assertEqual([hosts["enforce"].letters, hosts["stranger"].mails, plain.mails], [[], [], []])
        self.assertEqual(sites["good"].asked, ["mta-sts.good.example/.well-known/mta-sts.txt"])
        (attempt,) = self.attempts("good")
        self.assertIn("mx.good.example", attempt["verified"])
        self.assertTrue(any("MTA-STS policy 1 fetched (enforce" in line for line in attempt["route"]), attempt)
        (attempt,) = self.attempts("testing")
        self.assertIn("the policy under test would have refused this host", attempt["tls_failure"])
        # The policy is remembered, and a letter that waits goes out once the host has a good certificate.
        self.submit(["dora@good.example"], self.message("dora@good.example", "again"))
        self.wait(lambda: len(hosts["good"].letters) == 2, "the second one is there")
        self.assertEqual(len(sites["good"].asked), 1)
        # So is it over a restart, also where somebody has taken the records away meanwhile.
        seoul = self.servers["seoul"]
        self.assertEqual(seoul.stop(), 0)
        self.zone = [line for line in self.zone if not line.startswith("_mta-sts")]
        self.write_zone("seoul")
        seoul.start(environment={"SSL_CERT_FILE": str(self.authority.certificate)})
        self.submit(["eve@good.example"], self.message("eve@good.example", "later"))
        self.wait(lambda: len(hosts["good"].letters) == 3, "the third one is there")
        (attempt,) = self.attempts("later")
        self.assertIn("mx.good.example", attempt["verified"])
        self.assertTrue(any("the remembered MTA-STS policy 1 (enforce, 1 hosts) stays in force" in line for line in attempt["route"]), attempt)
        self.assertEqual(len(sites["good"].asked), 1)


class SendersWish(SafeWays):
    """RFC 8689."""

    def test_tls_required_no(self) -> None:
        """What DANE or MTA-STS would refuse goes out all the same where the sender says so, and to such a host alone."""
        if not IS_ROOT:
            self.skipTest("port 443 is for root alone")
        wrong = self.authority.issue("wrong", "somebody.else.example")
        host = MailHost(tls=server_context(*wrong))
        self.addCleanup(host.close)
        self.peer("daegu", host.address)
        site = StsSite(*self.authority.issue("web", "mta-sts.daegu.example"), sts_policy("enforce", "mx.daegu.example"))
        self.addCleanup(site.close)
        self.zone += ['_mta-sts.daegu IN TXT "v=STSv1; id=1"', f"mta-sts.daegu IN A {site.address}"]
        self.open("seoul", environment={"SSL_CERT_FILE": str(self.authority.certificate)})
        self.submit(["carl@daegu.example"], self.message("carl@daegu.example", "strict"))
        self.waits("carl@daegu.example", "hostname mismatch")
        self.submit(["carl@daegu.example"], self.message("carl@daegu.example", "easy", "TLS-Required: No\r\n"))
        self.wait(lambda: host.letters, "the one that asks for no TLS is there")
        self.assertEqual(host.subjects(), ["easy"])
        (attempt,) = self.attempts("easy")
        self.assertTrue(any("TLS-Required: No" in line for line in attempt["route"]), attempt)

    def test_requiretls(self) -> None:
        """Between two servers of ours it is announced, obeyed and handed on; to a host that can't it doesn't go."""
        if not IS_ROOT:
            self.skipTest("port 443 is for root alone")
        plain = MailHost()
        self.addCleanup(plain.close)
        self.peer("daegu", plain.address)
        author = MailHost(tls=server_context(*self.authority.issue("author", "mx.gwangju.example")))
        self.addCleanup(author.close)
        self.peer("gwangju", author.address)
        site = StsSite(*self.authority.issue("web", "mta-sts.busan.example"), sts_policy("enforce", "mx.busan.example"))
        self.addCleanup(site.close)
        self.zone += ['_mta-sts.busan IN TXT "v=STSv1; id=1"', f"mta-sts.busan IN A {site.address}"]
        self.certificates["busan"] = self.authority.issue("busan", "mx.busan.example", "mail.busan.example")
        self.open("seoul", "busan", environment={"SSL_CERT_FILE": str(self.authority.certificate)})
        self.submit(["bob@busan.example"], self.message("bob@busan.example", "secret"), options=("REQUIRETLS",))
        bob = self.mailbox("busan")
        self.wait(lambda: bob.count() == 1, "Bob has it")
        (attempt,) = self.attempts("secret")
        self.assertIn("mx.busan.example", attempt["verified"])
        self.assertTrue(any("REQUIRETLS" in step.get("client", "") for step in attempt["said"]), attempt)
        self.submit(["carl@daegu.example"], self.message("carl@daegu.example", "no"), options=("REQUIRETLS",))
        alice = self.mailbox("seoul")
        self.wait(lambda: alice.count() == 1, "it comes back")
        (bounce,) = alice.messages()
        self.assertIn(b"Status: 5.7.10", bounce)
        self.assertNotIn(b"\r\nhello\r\n", bounce)
        self.assertEqual(plain.mails, [])
        # Strangers' letters that an alias sends on, and that come back: word of them goes as they had to go, or tells nothing of them.
        seoul = self.servers["seoul"]
        seoul.cli("alias", "add", "on@seoul.example", "carl@daegu.example")
        for sender in ("bob@busan.example", "zoe@gwangju.example"):
            with smtplib.SMTP(seoul.address, seoul.ports["smtp"], "client.example", timeout=60) as client:
                client.starttls()
                client.sendmail(sender, ["on@seoul.example"], self.message("on@seoul.example", "hush"), ("REQUIRETLS",))
        self.wait(lambda: bob.count() == 2 and author.letters, "both were told")
        told = bob.messages()[1]
        self.assertIn(b"REQUIRETLS", told)
        self.assertIn(b"\r\nSubject: hush\r\n", told)
        self.assertNotIn(b"\r\nhello\r\n", told)
        (told,) = author.letters
        self.assertTrue(told.tls)
        self.assertNotIn("REQUIRETLS", told.mail)
        self.assertIn(b"Status: 5.7.10", told.octets)
        self.assertIn(b"In-Reply-To: <hush@seoul.example>", told.octets)
        self.assertNotIn(b"Subject: hush", told.octets)


if __name__ == "__main__":
    unittest.main()
