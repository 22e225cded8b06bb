"""Letters that leave: two Pabal servers that know each other by a zone file and scripted peers, refusals and bounces."""
import json
import smtplib
import subprocess
import time
import unittest

from harness.mail_host import TAKEN, MailHost
from relay_case import RelayCase


class Relay(RelayCase):
    """seoul.example and busan.example, and scripted peers."""

    def refuser(self, *replies: str, name: str = "daegu", **more: object) -> MailHost:
        """A host of a domain that replies so to RCPT."""
        host = MailHost(replies, **more)
        self.addCleanup(host.close)
        self.peer(name, host.address)
        return host

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
        refuser = self.refuser(*["452 4.3.1 no room"] * 3, TAKEN)
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
        metrics = seoul.metrics()
        self.assertEqual(metrics['pabal_queue_recipients{kind="remote",state="held"}'], 1)
        self.assertEqual(metrics['pabal_relay_recipients_total{destination="daegu.example",result="postponed"}'], 1)
        self.assertIn("0 recipients", seoul.cli("queue", "drop", "--domain", "busan.example").stdout)
        self.assertIn("expected", seoul.cli("queue", "drop", check=False).stderr.replace("required", "expected"))
        self.assertEqual(seoul.cli("queue", "release", "--sender", "@seoul.example").stdout, "1 recipient of a letter\n")
        self.wait(lambda: self.queue()[0]["attempts"] == 2, "it was tried at once")
        seoul.cli("queue", "retry", row["id"])
        self.wait(lambda: self.queue()[0]["attempts"] == 3, "it was tried again")
        self.assertEqual(json.loads(seoul.cli("queue", "hold", "--all", "--json").stdout), {"changed": 1})
        seoul.cli("queue", "release", row["id"])
        self.wait(lambda: refuser.letters, "it was delivered")
        self.wait(lambda: self.queue() == [], "the queue is empty")
        (trace,) = json.loads(seoul.cli("trace", row["id"], "--json").stdout)["traces"]
        self.assertEqual([one["recipients"][0]["fate"] for one in trace["attempts"]], ["passing"] * 3 + ["delivered"])

    def test_the_zone_is_read_again(self) -> None:
        """A domain that comes to the zone is known after SIGHUP; a file that is damaged changes nothing."""
        self.refuser(TAKEN)
        self.open("seoul")
        seoul = self.servers["seoul"]
        alice = self.mailbox("seoul")
        self.submit(["carl@jeju.example"], self.message("carl@jeju.example", "early"))
        self.wait(lambda: alice.count() == 1, "nobody knows that domain")
        there = self.refuser(TAKEN, name="jeju")
        zone = self.write_zone("seoul")
        good = zone.read_text()
        zone.write_text(good + "broken IN MX\n")
        seoul.reload()
        self.wait(lambda: "reload_failed" in seoul.log_tail() and "example.zone:" in seoul.log_tail(), "the damage is told")
        self.submit(["carl@jeju.example"], self.message("carl@jeju.example", "too-early"))
        self.wait(lambda: alice.count() == 2, "nobody knows it yet")
        zone.write_text(good)
        seoul.reload()
        self.wait(lambda: "reloaded" in seoul.log_tail(), "it is read")
        self.submit(["carl@jeju.example"], self.message("carl@jeju.example", "now"))
        self.wait(lambda: there.letters, "it is there")
        self.assertEqual(there.subjects(), ["now"])

    def test_a_long_queue_is_listed_page_by_page(self) -> None:
        self.refuser("451 4.3.0 later")
        self.open("seoul")
        to = [f"user{number}@daegu.example" for number in range(25)]
        for _ in range(2):
            self.submit(to, self.message("many@daegu.example"))
        self.wait(lambda: len([row for row in self.queue() if row["attempts"] == 1]) == 50, "all were tried")
        rows = [(row["id"], row["number"]) for row in self.queue()]
        self.assertEqual(rows, sorted(rows))
        self.assertEqual([(row["id"], row["number"]) for row in self.queue("--domain", "daegu.example")], rows)
        cut = json.loads(self.servers["seoul"].cli("queue", "list", "--limit", "20", "--json").stdout)
        rest = self.queue("--after", cut["next"])
        self.assertEqual([(row["id"], row["number"]) for row in cut["letters"] + rest], rows)
        text = self.servers["seoul"].cli("queue", "list", "--limit", "20").stdout.splitlines()
        self.assertEqual((len(text), text[-1]), (22, f"There are more: --after {cut['next']}"))
        (count,) = json.loads(self.servers["seoul"].cli("queue", "domains", "--json").stdout)["domains"]
        self.assertEqual((count["destination"], count["waiting"], count["held"]), ("daegu.example", 50, 0))

    def test_a_restart_and_a_kill_lose_nothing(self) -> None:
        refuser = self.refuser("452 4.3.1 no room")
        self.open("seoul", queue='retry = "2s"\nretry_max = "2s"')
        for number in range(20):
            self.submit(["carl@daegu.example"], self.message("carl@daegu.example", f"letter{number}"))
        seoul = self.servers["seoul"]
        seoul.kill()
        refuser.replies = [TAKEN]
        seoul.start()
        self.wait(lambda: self.queue() == [], "all are gone", 60)
        self.assertEqual(len(set(refuser.subjects())), 20)
        self.assertEqual(len(refuser.letters), 20, "none twice")

    def test_an_alias_to_elsewhere(self) -> None:
        refuser = self.refuser(TAKEN)
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
