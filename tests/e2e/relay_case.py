"""What the tests of letters that leave share: Pabal servers that know each other by a zone, and hosts beside them."""
import json
import os
import pathlib
import smtplib
import ssl
import unittest

from case import PASSWORD, Mailbox, Server
from harness.mail_host import PORT
from harness.server import wait_until


class RelayCase(unittest.TestCase):
    """seoul.example, busan.example and so on, each a server of its own; other domains of the zone are others' hosts."""

    def setUp(self) -> None:
        self.zone: list[str] = ["@ 60 IN SOA ns hostmaster 1 60 60 60 60", "@ IN NS ns"]
        self.servers: dict[str, Server] = {}
        self.dns = ""
        self.certificates: dict[str, tuple[pathlib.Path, pathlib.Path]] = {}  # in place of those of their own

    def peer(self, name: str, address: str) -> None:
        self.zone += [f"{name} IN MX 10 mx.{name}", f"mx.{name} IN A {address}"]

    def open(self, *names: str, queue: str = "", more: str = "", environment: dict[str, str] | None = None) -> None:
        """Servers with these names, alice at the first of them and bob at the others. self.dns stands for a zone file of ours."""
        for name in names:
            server = Server(domain=f"{name}.example", hostname=f"mail.{name}.example")
            self.addCleanup(server.close)
            server.certificate, server.key = self.certificates.get(name, (server.certificate, server.key))
            self.servers[name] = server
            self.peer(name, server.address)
        for name in names:
            server = self.servers[name]
            zone = self.write_zone(name)
            # A resolver that never answers: all there is stands in the zone.
            dns = self.dns or f'[dns]\nzones = ["{zone}"]\nservers = ["127.0.0.1@9"]\ntimeout = "2s"\n'
            server.settings = f"{dns}[queue]\nremote_port = {PORT}\n{queue}\n{more}\n"
            server.write_config()
            server.add_domain()
            server.add_account(f"{'alice' if name == 'seoul' else 'bob'}@{name}.example")
            server.start(environment=environment)

    def write_zone(self, name: str) -> pathlib.Path:
        """The zone as it is now, for one server."""
        zone = self.servers[name].folder / "example.zone"
        zone.write_text("$ORIGIN example.\n$TTL 60\n" + "\n".join(self.zone) + "\n")
        return zone

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

    def message(self, to: str, subject: str = "hello", extra: str = "") -> bytes:
        return (f"From: alice@seoul.example\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{subject}@seoul.example>\r\n{extra}"
                f"\r\nhello\r\n").encode()

    def mailbox(self, name: str) -> Mailbox:
        return Mailbox(self.servers[name], f"{'alice' if name == 'seoul' else 'bob'}@{name}.example")

    def attempts(self, subject: str = "hello") -> list[dict]:
        """All attempts that the trace of Alice's letter tells of."""
        (trace,) = json.loads(self.servers["seoul"].cli("trace", f"<{subject}@seoul.example>", "--json").stdout)["traces"]
        return trace.get("attempts", [])

    def wait(self, condition, what: str, seconds: float = 30):
        try:
            return wait_until(condition, seconds, what, step=0.1)
        except TimeoutError as late:
            logs = "\n".join(f"--- {name}\n{server.log_tail(30)}" for name, server in self.servers.items())
            raise AssertionError(f"{late}\n{logs}") from late

    def wait_for_attempt(self, to: str, count: int = 1) -> dict:
        """The queue's row of a recipient after so many attempts."""
        return self.wait(lambda: [row for row in self.queue("--to", to) if row["attempts"] >= count],
                         f"{count} attempts for {to}")[0]


IS_ROOT = os.geteuid() == 0
