"""Reports: TLS reports between two Pabal servers, and what comes to the address that reports come to."""
import email.policy
import gzip
import json
import pathlib
import smtplib
import time
import unittest
from email.message import EmailMessage

from relay_case import RelayCase

SUITE = pathlib.Path(__file__).resolve().parents[3] / "shared/suites/dmarc"
VEEAM = "aggregate/veeam.com!example.com!1530133200!1530219600.xml"
# Nothing is published here that could prove anything; test_report_exchange.py is about the usual settings.
TAKES = '[reports]\nmailboxes = ["bob@busan.example"]\nproven_only = false\nsigned_only = false\n'


class Reports(RelayCase):
    """seoul.example writes to busan.example, whose reports come to Bob."""

    def report(self, name: str, *words: str) -> dict:
        return json.loads(self.servers[name].cli(*words, "--json").stdout)

    def deliver(self, name: str, octets: bytes, file_name: str) -> None:
        """A letter with such a file comes to Bob from a stranger."""
        letter = EmailMessage()
        letter["From"] = "dmarc@daegu.example"
        letter["To"] = "bob@busan.example"
        letter["Subject"] = "Report Domain: busan.example"
        letter.set_content("A report.")
        letter.add_attachment(octets, maintype="application", subtype="gzip", filename=file_name)
        server = self.servers[name]
        with smtplib.SMTP(server.address, server.ports["smtp"], "mx.daegu.example", timeout=60) as client:
            client.sendmail("dmarc@daegu.example", ["bob@busan.example"], letter.as_bytes(policy=email.policy.SMTP))

    def test_a_tls_report_is_sent_received_and_shown(self) -> None:
        self.zone.append('_smtp._tls.busan IN TXT "v=TLSRPTv1; rua=mailto:bob@busan.example"')
        self.open("seoul", "busan", more=TAKES)
        self.submit(["bob@busan.example"], self.message("bob@busan.example"))
        bob = self.mailbox("busan")
        self.wait(lambda: bob.count() == 1, "Bob has it")
        seen = self.report("seoul", "tlsrpt", "report", "--seen")
        self.assertEqual([(one["domain"], one["messages"], one["passed"]) for one in seen["domains"]], [("busan.example", 1, 1)])
        self.assertIn("busan.example", self.servers["seoul"].cli("tlsrpt", "report", "--seen").stdout)
        sent = self.report("seoul", "tlsrpt", "report", "--send-now")
        self.assertEqual(sent["sent"], 1, sent)
        self.wait(lambda: bob.count() == 2, "the report is there")
        (letter,) = [one for one in bob.messages() if b"TLS-Report-Domain" in one]
        for part in (b"TLS-Report-Domain: busan.example", b"TLS-Report-Submitter: seoul.example", b'From: "seoul.example" <postmaster@seoul.example>',
                     b"Return-Path: <>", b"application/tlsrpt+gzip", b"report-type=tlsrpt", b"TLS-Required: No"):
            self.assertIn(part, letter)
        shown = self.wait(lambda: (found := self.report("busan", "tlsrpt", "report"))["reports"] and found, "it was read")
        self.assertEqual((shown["messages"], shown["passed"]), (1, 1))
        self.assertEqual(shown["reporters"][0]["organization"], "seoul.example")
        self.assertEqual(shown["domains"][0]["domain"], "busan.example")
        self.assertIn("100.0%", self.servers["busan"].cli("tlsrpt", "report").stdout)
        # The session that carried the report is nothing to report of.
        again = self.report("seoul", "tlsrpt", "report", "--send-now")
        self.assertEqual(again["sent"], 0, again)
        # The same without a server.
        self.servers["seoul"].stop()
        self.assertGreaterEqual(self.report("seoul", "tlsrpt", "report", "--seen")["messages"], 1)
        refused = self.servers["seoul"].cli("tlsrpt", "report", "--send-now", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("no server runs", refused.stderr)

    def test_an_aggregate_report_that_comes_is_kept_once(self) -> None:
        self.open("busan", more=TAKES)
        text = (b"<feedback><report_metadata><org_name>Daegu</org_name><email>a@daegu.example</email><report_id>1</report_id>"
                b"<date_range><begin>%d</begin><end>%d</end></date_range></report_metadata>"
                b"<policy_published><domain>busan.example</domain><p>reject</p></policy_published>"
                b"<record><row><source_ip>192.0.2.1</source_ip><count>12</count><policy_evaluated><disposition>reject</disposition>"
                b"<dkim>fail</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>busan.example</header_from>"
                b"</identifiers><auth_results/></record></feedback>")
        begin = int(time.time()) // 86400 * 86400
        report = gzip.compress(text % (begin, begin + 86399))
        bob = self.mailbox("busan")
        self.deliver("busan", report, "daegu.example!busan.example.xml.gz")
        self.deliver("busan", report, "daegu.example!busan.example.xml.gz")
        self.deliver("busan", gzip.compress(text.replace(b"busan", b"seoul") % (begin, begin)), "other.xml.gz")
        self.deliver("busan", gzip.compress(b"\0" * 40_000_000), "bomb.xml.gz")
        self.wait(lambda: bob.count() == 4, "all are in the mailbox")
        shown = self.wait(lambda: (found := self.report("busan", "dmarc", "report"))["reports"] and found, "it was read")
        busan = self.servers["busan"]
        self.wait(lambda: "more than 200 times its size" in busan.log_tail(200), "the bomb was refused")
        self.assertIn("not a domain of ours", busan.log_tail(200))
        shown = self.report("busan", "dmarc", "report", "--domain", "busan.example")
        self.assertEqual((shown["reports"], shown["messages"], shown["passed"]), (1, 12, 0))
        self.assertEqual([one["source"] for one in shown["sources"]], ["192.0.2.1"])
        text = busan.cli("dmarc", "report").stdout
        for part in ("Daegu", "192.0.2.1", "12", "0.0%"):
            self.assertIn(part, text)

    def test_report_files_are_shown(self) -> None:
        if not SUITE.exists():
            self.skipTest("the suites are not there")
        self.open("seoul")
        seoul = self.servers["seoul"]
        (report,) = json.loads(seoul.cli("dmarc", "report", str(SUITE / VEEAM), "--json").stdout)
        self.assertEqual((report["org_name"], report["policy"]["domain"], report["records"][0]["count"]), ("veeam.com", "example.com", 1))
        self.assertIn("certificate-expired", seoul.cli("tlsrpt", "report", str(SUITE / "smtp_tls/rfc8460.json")).stdout)
        refused = seoul.cli("dmarc", "report", str(SUITE / "aggregate/invalid_xml.xml"), check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("no well-formed XML", refused.stderr)


if __name__ == "__main__":
    unittest.main()
