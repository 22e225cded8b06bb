"""Ways that the settings give to letters, and what their senders are told: smart hosts, routes, LMTP, source addresses; letters that
wait for a moment, that can't be converted, that nobody takes; the warning and the giving up."""
import email
import email.policy
import socket
import time

from case import PASSWORD
from harness.mail_host import PORT, TAKEN, MailHost, Taken
from harness.server import own_address
from relay_case import RelayCase


def route(domain: str, **settings: object) -> str:
    lines = ["[[route]]", f'domain = "{domain}"']
    for name, value in settings.items():
        written = str(value).lower() if isinstance(value, bool) else value if isinstance(value, int) else f'"{value}"'
        lines.append(f"{name} = {written}")
    return "\n".join(lines) + "\n"


class WayCase(RelayCase):
    def host(self, *replies: str, name: str = "daegu", **more: object) -> MailHost:
        host = MailHost(replies or (TAKEN,), **more)
        self.addCleanup(host.close)
        self.peer(name, host.address)
        return host

    def set_for_seoul(self, settings: str) -> None:
        """Adds settings to Seoul's and starts it anew."""
        seoul = self.servers["seoul"]
        seoul.stop()
        seoul.settings += settings
        seoul.write_config()
        seoul.start()

    def text_of_bounce(self) -> tuple[bytes, str]:
        """The one letter that Alice has got: its octets, and the words for people in it."""
        alice = self.mailbox("seoul")
        self.wait(lambda: alice.count() == 1, "Alice was told")
        (octets,) = alice.messages()
        text = email.message_from_bytes(octets, policy=email.policy.default).get_body(("plain",))
        return octets, text.get_content()


class Ways(WayCase):
    """Seoul's letters by settings of its own; Busan and a scripted host at their other end."""

    def test_a_smart_host_with_a_password(self) -> None:
        daegu = self.host()
        self.open("seoul", "busan")
        busan = self.servers["busan"]
        # Busan's Bob may write in Alice's name.
        busan.cli("domain", "add", "seoul.example")
        busan.cli("alias", "add", "alice@seoul.example", "bob@busan.example")
        login = {"user": "bob@busan.example", "password": PASSWORD}
        smart = {"host": busan.address, "port": busan.ports["submission"], "tls": "encrypted"}
        self.set_for_seoul(route("*", **smart, **{**login, "password": "wrong"}))
        self.submit(["carl@daegu.example"], self.message("carl@daegu.example"))
        row = self.wait_for_attempt("carl@daegu.example")
        self.assertIn("535", row["last_error"])
        self.assertEqual(daegu.letters, [], "nothing goes another way")
        seoul = self.servers["seoul"]
        seoul.settings = seoul.settings.replace('"wrong"', f'"{PASSWORD}"')
        self.set_for_seoul("")
        seoul.cli("queue", "retry", "--all")
        self.wait(lambda: daegu.letters, "it went on from there")
        self.assertIn(b"with ESMTPSA", daegu.letters[0].octets)
        last = self.wait(lambda: [one for one in self.attempts() if one["recipients"][0]["fate"] == "delivered"], "it is told")[-1]
        self.assertTrue(any("the settings say" in line for line in last["route"]), last)
        self.assertNotIn(PASSWORD, str(last))
        # Under TLS from the first octet.
        seoul.settings = seoul.settings.replace(f"port = {busan.ports['submission']}", f"port = {busan.ports['submissions']}")
        self.set_for_seoul("implicit_tls = true\n")
        self.submit(["carl@daegu.example"], self.message("carl@daegu.example", "implicit"))
        self.wait(lambda: len(daegu.letters) == 2, "it went on from there, too")

    def test_a_smart_host_that_takes_few_connections(self) -> None:
        def slowly(_letter: Taken) -> str:
            time.sleep(0.05)
            return TAKEN
        smart = self.host(at_once=6, at_end=slowly)
        self.open("seoul", queue=f'smart_host = "{smart.address}:{PORT}"\n')
        began = time.monotonic()
        for i in range(60):
            to = f"carl@d{i}.example"
            self.submit([to], self.message(to, f"n{i}"))
        self.wait(lambda: len(smart.letters) == 60, "none waits for half an hour")
        self.assertLess(time.monotonic() - began, 20)
        self.assertLess(smart.connections - smart.refused, 30, "letters to several domains went over one connection")
        self.assertEqual(self.queue(), [])

    def test_a_stop_waits_for_no_silent_host(self) -> None:
        address = own_address()
        silent = socket.create_server((address, PORT))  # connections come about, and nobody says a word
        self.addCleanup(silent.close)
        self.peer("daegu", address)
        self.open("seoul")
        self.submit(["carl@daegu.example"], self.message("carl@daegu.example"))
        held, _ = silent.accept()
        self.addCleanup(held.close)
        began = time.monotonic()
        seoul = self.servers["seoul"]
        seoul.stop()
        self.assertLess(time.monotonic() - began, 8)
        silent.close()
        taker = MailHost((TAKEN,), address=address)
        self.addCleanup(taker.close)
        seoul.start()
        self.wait(lambda: taker.letters, "it goes out at once")
        self.assertEqual([one["recipients"][0]["fate"] for one in self.attempts()], ["delivered"], "the other was no attempt")

    def test_lmtp_and_a_source_address(self) -> None:
        self.open("seoul", "busan")
        busan = self.servers["busan"]
        source = own_address()
        self.set_for_seoul(route("busan.example", host=busan.address, port=busan.ports["lmtp"], lmtp=True) + f'bind = ["{source}"]\n')
        self.submit(["bob@busan.example", "nobody@busan.example"], self.message("bob@busan.example"))
        bob = self.mailbox("busan")
        self.wait(lambda: bob.count() == 1, "Bob has it")
        (letter,) = bob.messages()
        self.assertIn(b"with LMTP", letter)
        self.assertIn(f"[{source}]".encode(), letter)
        self.assertIn("There is no such address", self.text_of_bounce()[1])

    def test_a_letter_that_waits_for_its_moment(self) -> None:
        daegu = self.host()
        self.open("seoul")
        began = time.monotonic()
        for seconds in (3600, 2):
            self.submit(["carl@daegu.example"], self.message("carl@daegu.example", f"in-{seconds}"), options=(f"HOLDFOR={seconds}",))
        self.wait(lambda: daegu.letters, "the one whose moment came")
        self.assertGreaterEqual(time.monotonic() - began, 1.9)
        self.assertEqual(daegu.subjects(), ["in-2"])
        (row,) = self.queue()
        self.assertGreater(row["not_before"], time.time() + 3000)
        self.assertGreaterEqual(row["next_attempt"], row["not_before"])
        seoul = self.servers["seoul"]
        self.assertIn("carl@daegu.example", seoul.cli("queue", "show", row["id"]).stdout)
        seoul.cli("queue", "drop", row["id"])
        self.assertEqual(self.queue(), [])
        self.assertNotEqual(seoul.cli("queue", "show", row["id"], check=False).returncode, 0)

    def test_what_the_host_cant_read_comes_back(self) -> None:
        daegu = self.host(offers=["8BITMIME"])
        self.open("seoul")
        self.submit(["밥@daegu.example"], self.message("밥@daegu.example"), options=("SMTPUTF8",))
        octets, text = self.text_of_bounce()
        self.assertIn(b"Status: 5.6.7", octets)
        self.assertIn("SMTPUTF8", text)
        self.assertIn("밥@daegu.example", text)
        self.assertEqual(daegu.letters, [])

    def test_a_letter_that_needs_no_smtputf8_goes_to_a_host_without_it(self) -> None:
        """Its header is ASCII, whatever it was said to be; of two recipients one has such an address, too."""
        daegu = self.host(offers=["8BITMIME"])
        self.open("seoul")
        self.submit(["carl@daegu.example", "밥@daegu.example"], self.message("carl@daegu.example"), options=("SMTPUTF8",))
        octets, text = self.text_of_bounce()
        self.assertIn(b"Status: 5.6.7", octets)
        self.assertIn("밥@daegu.example", text)
        self.assertNotIn("<carl@daegu.example>", text)
        self.assertEqual([one.recipients for one in daegu.letters], [["carl@daegu.example"]])
        # One that came in a file, with letters of all kinds in its body.
        body = "한글 본문입니다.\r\n".encode() * 100_000
        mime = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
        self.submit(["carl@daegu.example"], self.message("carl@daegu.example", "big", mime) + body, options=("SMTPUTF8", "BODY=8BITMIME"))
        self.wait(lambda: len(daegu.letters) == 2, "the big one went, too")
        self.assertTrue(daegu.letters[1].octets.endswith(body))
        self.assertEqual(self.queue(), [])

    def test_a_korean_bounce(self) -> None:
        self.host("550 5.1.1 no such user")
        self.open("seoul")
        self.submit(["carl@daegu.example"], self.message("carl@daegu.example").replace(b"Subject: hello", "Subject: 안녕".encode()))
        octets, text = self.text_of_bounce()
        for part in ("받는 쪽에 그런 주소가 없습니다", "550 5.1.1 no such user", "안녕", "보내신 편지를 아래에 덧붙입니다"):
            self.assertIn(part, text)
        self.assertIn(b"Action: failed", octets)

    def test_a_domain_that_takes_no_mail(self) -> None:
        self.zone.append("jeju IN MX 0 .")
        self.open("seoul")
        self.submit(["carl@jeju.example"], self.message("carl@jeju.example"))
        octets, text = self.text_of_bounce()
        self.assertIn(b"Status: 5.1.10", octets)
        self.assertIn("takes no mail", text)

    def test_of_two_addresses_one_is_dead(self) -> None:
        daegu = self.host()
        dead = own_address()
        self.zone.append(f"mx.daegu IN A {dead}")
        self.open("seoul")
        for number in range(4):
            self.submit(["carl@daegu.example"], self.message("carl@daegu.example", f"n{number}"))
        self.wait(lambda: len(daegu.letters) == 4, "all came, whichever address was the first")
        self.assertEqual(self.queue(), [])


class TheEnd(WayCase):
    LONG = True

    def test_the_warning_and_the_end(self) -> None:
        """The shortest times that the settings take: a minute, and a little more."""
        daegu = self.host("451 4.3.2 not today")
        self.open("seoul", queue='retry = "1s"\nretry_max = "2s"\nwarn_after = "1m"\ngive_up_after = "66s"')
        self.submit(["carl@daegu.example"], self.message("carl@daegu.example"))
        alice = self.mailbox("seoul")
        self.wait(lambda: alice.count() == 2, "she was warned, and told of the end", 90)
        warning, end = alice.messages()
        for part in (b"Action: delayed", b"Will-Retry-Until: ", b"Status: 4.3.2"):
            self.assertIn(part, warning)
        for part in (b"Action: failed", b"Status: 4.4.7", b"451 4.3.2 not today"):
            self.assertIn(part, end)
        self.assertEqual(self.queue(), [])
        self.assertEqual(daegu.letters, [])
        time.sleep(2.5)
        self.assertEqual(alice.count(), 2, "each once")
