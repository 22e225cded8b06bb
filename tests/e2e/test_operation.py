"""What an operator does: stop, start, new certificates, PROXY headers, metrics, the command line."""
import fcntl
import hashlib
import json
import pathlib
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import time
import unittest

from case import ALICE, BOB, PASSWORD, Mailbox, ServerCase
from harness.mail import make_message, tls_context, trace_of
from harness.raw import Wire, send_message, stuffed
from harness.server import PABAL, Server, make_certificate, wait_until


class Stop(ServerCase):
    def test_orderly_stop_says_421(self) -> None:
        idle = self.smtp()
        busy = self.smtp()
        busy.expect(250, "MAIL FROM:<a@elsewhere.example>")
        busy.expect(250, f"RCPT TO:<{BOB}>")
        pop = self.wire("pop3")
        pop.line()
        self.server.process.send_signal(signal.SIGTERM)
        self.assertEqual(idle.reply()[0], 421)
        self.assertEqual(idle.rest(), b"")
        self.assertEqual(busy.reply()[0], 421)
        self.assertTrue(pop.rest().startswith(b"-ERR [SYS/TEMP]"))
        wait_until(lambda: self.server.process.poll() is not None, 20, "the server ends")
        self.assertEqual(self.server.process.returncode, 0)
        self.server.process = None
        self.server.start()

    def test_a_message_under_way_gets_its_answer(self) -> None:
        message = make_message(1, to=BOB, size=400_000)
        wire = self.smtp()
        wire.expect(250, "MAIL FROM:<a@elsewhere.example>")
        wire.expect(250, f"RCPT TO:<{BOB}>")
        wire.expect(354, "DATA")
        octets = stuffed(message)
        wire.send(octets[:200_000])
        self.server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        try:
            wire.send(octets[200_000:])
            code = wire.reply()[0]
        except (EOFError, OSError):
            code = 0
        status = self.server.process.wait(30)
        self.server.process = None
        self.assertEqual(status, 0)
        self.server.start()
        # Either it was taken, and is there, or the sender was told to come again, and it isn't.
        self.assertIn(code, (250, 421))
        got = self.bob.messages()
        self.assertEqual(len(got), 1 if code == 250 else 0)
        for retrieved in got:
            trace_of(self, retrieved, message)

    def test_what_was_promised_is_there_after_a_kill(self) -> None:
        with self.smtp() as wire:
            for number in range(20):
                send_message(wire, "a@elsewhere.example", [BOB, ALICE], make_message(number, to=BOB))
            self.server.kill()
        self.server.start()
        self.assertEqual(self.bob.count(), 20)
        self.assertEqual(self.alice.count(), 20)

    def test_a_second_server_is_refused_the_data(self) -> None:
        other = self.server.folder / "other.toml"
        other.write_text(f'hostname = "mail.seoul.example"\ndata = "{self.server.data}"\n[[listener]]\nprotocol = "smtp"\n'
                         f'address = "{self.server.address}"\nport = 3999\n')
        said = self.program(PABAL, "serve", "--config", other, status=1)
        self.assertTrue(said.strip())
        self.assertTrue(self.server.answers(self.server.ports["smtp"]))


class Start(unittest.TestCase):
    """A server starts while commands come and go: neither side fails, both wait for each other."""

    def prepare(self, server: Server) -> None:
        server.add_domain()
        server.add_account(ALICE)

    def command(self, server: Server) -> subprocess.Popen:
        return subprocess.Popen([PABAL, "account", "list", "--json", "--config", server.config], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def answered(self, command: subprocess.Popen) -> None:
        out, errors = command.communicate(timeout=60)
        self.assertEqual((command.returncode, errors), (0, ""))
        self.assertIn(ALICE, out)

    def test_data_that_a_command_holds_are_waited_for(self) -> None:
        with Server(domain=ALICE.partition("@")[2]) as server:
            self.prepare(server)
            (lock,) = server.data.glob("*/lock")
            with open(lock, "r+b") as held:
                fcntl.flock(held, fcntl.LOCK_EX)
                server.spawn()
                wait_until((server.data / "control.sock").exists, 20, "the control socket is there")
                command = self.command(server)
                time.sleep(4)
                self.assertIsNone(server.process.poll(), server.log_tail())
                self.assertIsNone(command.poll())
                self.assertIn("data_awaited", server.log_tail())
            self.answered(command)
            wait_until(server.greets, 20, "the server greets")
            self.assertEqual(server.stop(), 0)

    def test_commands_at_any_moment_of_a_start(self) -> None:
        with Server(domain=ALICE.partition("@")[2]) as server:
            self.prepare(server)
            for _ in range(4):
                commands = [self.command(server) for _ in range(2)]
                server.spawn()
                for _ in range(8):
                    commands.append(self.command(server))
                    time.sleep(0.03)
                for command in commands:
                    self.answered(command)
                wait_until(server.greets, 20, "the server greets")
                self.assertIsNone(server.process.poll(), server.log_tail())
                self.assertEqual(server.stop(), 0)


class Certificates(ServerCase):
    def served(self, listener: str) -> str:
        """The fingerprint of the certificate that a listener shows."""
        with socket.create_connection((self.server.address, self.server.ports[listener]), 20) as plain:
            with tls_context().wrap_socket(plain, server_hostname="mail.seoul.example") as connection:
                return hashlib.sha256(connection.getpeercert(True)).hexdigest()

    def test_sighup_brings_a_new_certificate(self) -> None:
        before = self.served("pop3s")
        old = Wire(self.server.address, self.server.ports["pop3s"], implicit_tls=True)
        old.line()
        make_certificate(self.server.folder, "server", "mail.seoul.example")
        self.assertEqual(self.served("pop3s"), before)
        self.server.reload()
        wait_until(lambda: self.served("pop3s") != before, 10, "the new certificate is shown")
        self.assertNotEqual(self.served("submissions"), before)
        old.send(b"NOOP\r\nCAPA\r\n")  # sessions go on
        self.assertTrue(old.line())
        old.socket.close()

    def test_a_broken_certificate_changes_nothing(self) -> None:
        before = self.served("pop3s")
        good = self.server.certificate.read_bytes()
        self.server.certificate.write_text("no certificate")
        self.server.reload()
        time.sleep(1)
        self.assertEqual(self.served("pop3s"), before)
        self.server.certificate.write_bytes(good)
        self.server.reload()

    def test_an_rsa_and_an_ec_certificate_and_other_names(self) -> None:
        """Clients that can check but one kind of key are shown that one; who names another host, that host's."""
        host = "mail.seoul.example"

        def digest(file: pathlib.Path) -> str:
            return hashlib.sha256(ssl.PEM_cert_to_DER_cert(file.read_text())).hexdigest()

        def shown(ciphers: str, name: str = host, tls13: bool = False) -> str:
            context = tls_context()
            if not tls13:
                context.maximum_version = ssl.TLSVersion.TLSv1_2
                context.set_ciphers(ciphers)
            with socket.create_connection((self.server.address, self.server.ports["pop3s"]), 20) as plain:
                with context.wrap_socket(plain, server_hostname=name) as connection:
                    return hashlib.sha256(connection.getpeercert(True)).hexdigest()
        rsa, rsa_key = make_certificate(self.server.folder, "rsa", host, self.server.address, rsa=True)
        other, other_key = make_certificate(self.server.folder, "other", "mail.busan.example")
        ec = digest(self.server.certificate)
        with self.assertRaises(OSError):
            shown("ECDHE-RSA-AES128-GCM-SHA256")
        before = self.server.config.read_text()
        more = "".join(f'[[tls.certificates]]\ncertificate = "{certificate}"\nkey = "{key}"\n'
                       for certificate, key in ((rsa, rsa_key), (other, other_key)))
        self.server.config.write_text(before + more)
        self.addCleanup(self.server.reload)
        self.addCleanup(self.server.config.write_text, before)
        self.server.reload()
        wait_until(lambda: shown("ALL", "mail.busan.example") == digest(other), 10, "the new certificates are loaded")
        self.assertEqual(shown("ECDHE-RSA-AES128-GCM-SHA256"), digest(rsa))
        self.assertEqual(shown("ECDHE-ECDSA-AES128-GCM-SHA256"), ec)
        self.assertEqual(shown("", tls13=True), ec)
        self.assertEqual(shown("ECDHE-RSA-AES128-GCM-SHA256", "nobody.example"), digest(rsa))  # the first names are for all others

    def test_old_tls_is_refused(self) -> None:
        context = tls_context()
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        with self.assertRaises((ssl.SSLError, OSError)):
            Wire(self.server.address, self.server.ports["pop3s"]).start_tls(context)

    def test_session_resumption(self) -> None:
        context = tls_context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with socket.create_connection((self.server.address, self.server.ports["pop3s"]), 20) as plain:
            first = context.wrap_socket(plain, server_hostname="mail.seoul.example")
            first.recv(100)
            session = first.session
        with socket.create_connection((self.server.address, self.server.ports["pop3s"]), 20) as plain:
            second = context.wrap_socket(plain, server_hostname="mail.seoul.example", session=session)
            self.assertTrue(second.session_reused)


V2 = b"\r\n\r\n\0\r\nQUIT\n"


class Proxy(ServerCase):
    """The clients are strangers: whose letters these are the DNS must be able to say."""
    proxy = True

    @classmethod
    def setUpClass(cls) -> None:
        folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        zone = folder / "example.zone"
        zone.write_text("$ORIGIN example.\n$TTL 600\n@ IN SOA ns hostmaster 1 60 60 60 60\n@ IN NS ns\nelsewhere IN MX 10 mail.elsewhere\n")
        cls.settings = f'[dns]\nzones = ["{zone}"]\nservers = ["127.0.0.1@9"]\ntimeout = "2s"\n'
        super().setUpClass()

    def trace_with(self, header: bytes) -> bytes:
        """The trace fields of a message that came behind this PROXY header."""
        wire = self.wire("smtp_proxy", first=header)
        wire.expect(220)
        wire.expect(250, "EHLO test.example")
        message = make_message(1, to=BOB)
        send_message(wire, "a@elsewhere.example", [BOB], message)
        (retrieved,) = self.bob.messages()
        return trace_of(self, retrieved, message)

    def test_version_1(self) -> None:
        self.assertIn(b"192.0.2.7", self.trace_with(b"PROXY TCP4 192.0.2.7 192.0.2.1 4000 25\r\n"))

    def test_version_1_ipv6(self) -> None:
        self.assertIn(b"IPv6:2001:db8::7", self.trace_with(b"PROXY TCP6 2001:db8::7 2001:db8::1 4000 25\r\n"))

    def test_version_2(self) -> None:
        body = socket.inet_aton("192.0.2.9") + socket.inet_aton("192.0.2.1") + struct.pack("!HH", 4000, 25)
        extra = b"\x04\x00\x03abc"  # a TLV that means nothing to us
        self.assertIn(b"192.0.2.9", self.trace_with(V2 + b"\x21\x11" + struct.pack("!H", len(body + extra)) + body + extra))

    def test_version_2_local(self) -> None:
        self.assertIn(b"127.0.0.1", self.trace_with(V2 + b"\x20\x00\x00\x00"))

    def test_unknown(self) -> None:
        self.assertIn(b"127.0.0.1", self.trace_with(b"PROXY UNKNOWN\r\n"))

    def test_what_is_no_header_is_closed(self) -> None:
        for first in (b"EHLO x\r\n", b"PROXY TCP4 1 2 3\r\n", b"PROXY " + b"x" * 200, V2 + b"\x31\x11\x00\x0c" + b"\0" * 12,
                      b"PROXY TCP4 192.0.2.7 192.0.2.1 99999 25\r\n"):
            with self.subTest(first=first):
                wire = self.wire("smtp_proxy", first=first)
                self.assertNotIn(b"220", wire.rest())

    def test_sighup_changes_whose_header_is_believed(self) -> None:
        before = self.server.config.read_text()
        self.addCleanup(self.server.reload)
        self.addCleanup(self.server.config.write_text, before)
        self.server.config.write_text(before.replace('proxy_protocol = ["127.0.0.0/8"]', 'proxy_protocol = ["192.0.2.0/24"]'))
        self.server.reload()
        wait_until(lambda: "setting_changed setting=\"[[listener]] proxy_protocol\"" in self.server.log_tail(), 10, "it has changed")
        with self.wire("smtp_proxy", first=b"PROXY TCP4 192.0.2.7 192.0.2.1 4000 25\r\n") as wire:
            self.assertEqual(wire.rest(), b"")
        self.server.config.write_text(before)
        self.server.reload()
        wait_until(lambda: self.server.log_tail().count("proxy_protocol\"") == 2, 10, "it has changed back")
        self.assertIn(b"192.0.2.7", self.trace_with(b"PROXY TCP4 192.0.2.7 192.0.2.1 4000 25\r\n"))

    def test_without_a_list_no_header_is_believed(self) -> None:
        wire = self.wire("smtp")
        wire.expect(220)
        self.assertEqual(wire.command("PROXY TCP4 192.0.2.7 192.0.2.1 4000 25")[0] // 100, 5)

    def test_implicit_tls_behind_a_header(self) -> None:
        wire = self.wire("pop3s_proxy", first=b"PROXY TCP4 192.0.2.7 192.0.2.1 4000 995\r\n", implicit_tls=True)
        self.assertTrue(wire.line().startswith(b"+OK"))


class Operator(ServerCase):
    def test_metrics(self) -> None:
        with self.smtp() as wire:
            send_message(wire, "a@elsewhere.example", [BOB], make_message(1, to=BOB))
        samples = self.server.metrics()
        self.assertTrue([name for name in samples if name.startswith("pabal_")])
        for path in (b"/healthz", b"/health"):
            wire = self.wire("metrics")
            wire.send(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = wire.rest()
            self.assertIn(b" 200 ", answer.split(b"\r\n")[0])
            self.assertTrue(answer.endswith(b"\r\n\r\nok\n"))
        wire = self.wire("metrics")
        wire.send(b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        self.assertIn(b" 404 ", wire.rest().split(b"\r\n")[0])

    def test_accounts_while_serving(self) -> None:
        carol = "carol@seoul.example"
        self.server.add_account(carol, "first password")
        listed = json.loads(self.server.cli("account", "list", "--json").stdout)
        self.assertIn(carol, json.dumps(listed))
        box = Mailbox(self.server, carol, "first password")
        self.assertEqual(box.count(), 0)
        with self.smtp() as wire:
            send_message(wire, "a@elsewhere.example", [carol], make_message(1, to=carol))
        self.server.cli("account", "passwd", carol, "--password-stdin", input_text="second password\n")
        self.assertEqual(Mailbox(self.server, carol, "second password").count(), 1)
        with self.assertRaises(Exception):
            box.count()
        self.server.cli("account", "remove", carol)
        self.assertEqual(self.smtp().command("MAIL FROM:<a@elsewhere.example>")[0], 250)
        wire = self.smtp()
        wire.expect(250, "MAIL FROM:<a@elsewhere.example>")
        self.assertEqual(wire.command(f"RCPT TO:<{carol}>")[0], 550)

    def test_exit_status(self) -> None:
        self.assertEqual(self.server.cli("account", "show", "nobody@seoul.example", check=False).returncode, 1)
        self.assertEqual(self.server.cli("account", "add", ALICE, "--password-stdin", input_text="x\n", check=False).returncode, 1)
        self.assertEqual(self.server.cli("account", "nonsense", check=False).returncode, 2)
        self.server.cli("config", "check")

    def test_store_check_and_trace(self) -> None:
        with self.smtp() as wire:
            send_message(wire, "a@elsewhere.example", [BOB], make_message(77, to=BOB))
        (retrieved,) = self.bob.messages()
        message_id = retrieved.split(b"Message-ID: ")[1].split(b"\r\n")[0].decode()
        self.assertIn(BOB, self.server.cli("trace", message_id).stdout)
        self.server.cli("store", "check")

    def test_quota(self) -> None:
        self.server.cli("account", "add", "small@seoul.example", "--password-stdin", "--quota", "20k", input_text=f"{PASSWORD}\n")
        codes = []
        for number in range(5):
            wire = self.smtp()
            wire.expect(250, "MAIL FROM:<a@elsewhere.example>")
            code = wire.command("RCPT TO:<small@seoul.example>")[0]
            if code == 250:
                wire.expect(354, "DATA")
                wire.send(stuffed(make_message(number, to=BOB, size=8000)))
                code = wire.reply()[0]
            codes.append(code)
        self.assertEqual(codes[:2], [250, 250])
        self.assertIn(codes[-1], (452, 552))
        # What was promised is there, and nothing else.
        self.assertEqual(Mailbox(self.server, "small@seoul.example").count(), codes.count(250))

    def test_an_unknown_setting_stops_the_start(self) -> None:
        bad = self.server.folder / "bad.toml"
        bad.write_text('hostname = "mail.seoul.example"\n[smtp]\nno_such_setting = 1\n')
        said = self.program(PABAL, "config", "check", "--config", bad, status=1)
        self.assertIn("bad.toml:3", said)
