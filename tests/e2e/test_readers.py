"""Mail programs that fetch over POP3: fetchmail and mutt."""
import os
import pathlib
import shutil
import tempfile
import unittest

from case import BOB, PASSWORD, ServerCase
from harness.mail import make_message, trace_of
from harness.raw import send_message
from harness.terminal import run_in_terminal


class Reader(ServerCase):
    def setUp(self) -> None:
        super().setUp()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="reader-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.sent = [make_message(n, to=BOB, size=n * 5000) for n in range(1, 6)]
        with self.smtp() as wire:
            for message in self.sent:
                send_message(wire, "a@elsewhere.example", [BOB], message)


@unittest.skipUnless(shutil.which("fetchmail"), "fetchmail is not installed")
class Fetchmail(Reader):
    def fetchmail(self, options: str, status: int = 0, listener: str = "pop3") -> list[bytes]:
        """Runs fetchmail once; what it handed to its delivery program."""
        inbox = self.folder / "inbox"
        shutil.rmtree(inbox, ignore_errors=True)
        inbox.mkdir()
        deliver = self.folder / "deliver"
        deliver.write_text(f"#!/bin/sh\nexec cat > {inbox}/$(date +%s%N)\n")
        deliver.chmod(0o755)
        rc = self.folder / "fetchmailrc"
        rc.write_text(f'poll {self.server.address} service {self.server.ports[listener]} protocol pop3 uidl\n'
                      f'  username "{BOB}" password "{PASSWORD}" {options} mda "{deliver}" no rewrite no stripcr no forcecr\n')
        rc.chmod(0o600)
        self.program("fetchmail", "-f", rc, "--nosyslog", "--nodetach", "--pidfile", self.folder / "pid", "--idfile",
                     self.folder / "ids", "-v", status=status, env={**os.environ, "HOME": str(self.folder)})
        return [file.read_bytes() for file in sorted(inbox.iterdir())]

    def check(self, got: list[bytes]) -> None:
        self.assertEqual(len(got), len(self.sent))
        for retrieved, original in zip(got, self.sent):
            # fetchmail puts a Received field of its own before, and hands lines over with LF.
            self.assertTrue(retrieved.replace(b"\r\n", b"\n").endswith(original.replace(b"\r\n", b"\n")))

    def test_download_and_keep(self) -> None:
        self.check(self.fetchmail("keep sslproto ''"))
        self.assertEqual(self.fetchmail("keep sslproto ''", status=1), [])  # 1: nothing new
        self.assertEqual(self.bob.count(), 5)
        with self.smtp() as wire:
            send_message(wire, "a@elsewhere.example", [BOB], make_message(6, to=BOB))
        self.assertEqual(len(self.fetchmail("keep sslproto ''")), 1)

    def test_download_and_delete(self) -> None:
        self.check(self.fetchmail("nokeep sslproto ''"))
        self.assertEqual(self.bob.count(), 0)

    def test_under_tls(self) -> None:
        self.check(self.fetchmail("keep sslproto 'tls1.2+' no sslcertck"))
        (self.folder / "ids").unlink()
        self.check(self.fetchmail("nokeep ssl no sslcertck", listener="pop3s"))


@unittest.skipUnless(shutil.which("mutt"), "mutt is not installed")
class Mutt(Reader):
    def mutt(self, keys: str, seconds: float = 30) -> None:
        """Runs mutt in a terminal of its own, with keys to press."""
        (self.folder / "Mail").mkdir()  # else it asks whether to make it
        rc = self.folder / "muttrc"
        rc.write_text(f'set pop_user="{BOB}"\nset pop_pass="{PASSWORD}"\nset ssl_force_tls=no\nset ssl_starttls=no\n'
                      'set pop_authenticators="user"\nset mbox_type=mbox\nset quit=yes\nset delete=yes\nset move=no\n'
                      f'set confirmappend=no\nset confirmcreate=no\nset header_cache=""\nset record=""\npush "{keys}"\n')
        where = f"pop://{self.server.address}:{self.server.ports['pop3']}"
        run_in_terminal(self, ["mutt", "-n", "-F", str(rc), "-f", where], {**os.environ, "HOME": str(self.folder)}, seconds)

    def test_reads_and_saves(self) -> None:
        mbox = self.folder / "saved"
        self.mutt(f"<tag-pattern>~A<enter><tag-prefix><copy-message><kill-line>{mbox}<enter><quit>")
        text = mbox.read_bytes()
        for message in self.sent:
            body = message.split(b"\r\n\r\n", 1)[1].replace(b"\r\n", b"\n")
            self.assertIn(body, text)
        self.assertEqual(self.bob.count(), 5)

    def test_deletes(self) -> None:
        self.mutt("<delete-pattern>~s 'message [23]'<enter><quit>")
        got = self.bob.messages()
        self.assertEqual(len(got), 3)
        for retrieved, original in zip(got, [self.sent[0], self.sent[3], self.sent[4]]):
            trace_of(self, retrieved, original)
