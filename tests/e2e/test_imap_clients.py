"""Real mail programs over IMAP: neomutt, offlineimap, getmail, fetchmail, imapflow and Dovecot's dsync. What arrives is held
against what was sent octet by octet."""
import base64
import json
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile
import time
import unittest

from case import ALICE, BOB, PASSWORD
from harness.mail import make_message, trace_of
from harness.peers import DOVECOT, why_no_dovecot
from harness.raw import send_message
from harness.server import ROOT
from harness.terminal import run_in_terminal
from test_imap import LETTER, ImapCase

CLIENTS = ROOT / "tests" / "clients"


def lines(octets: bytes) -> bytes:
    return octets.replace(b"\r\n", b"\n")


class Client(ImapCase):
    def setUp(self) -> None:
        super().setUp()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="imap-client-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.sent = [make_message(n, to=ALICE, sender=BOB, size=n * 9000) for n in range(1, 6)]
        with self.smtp() as wire:
            for message in self.sent:
                send_message(wire, BOB, [ALICE], message)
        self.environment = {**os.environ, "HOME": str(self.folder)}

    def there(self, mailbox: str = "INBOX") -> list[bytes]:
        """The octets of a mailbox's messages as imaplib sees them."""
        client = self.login()
        count = int(self.good(client.select(f'"{mailbox}"', readonly=True))[0])
        return [self.good(client.fetch(str(n), "(BODY.PEEK[])"))[0][1] for n in range(1, count + 1)]

    def flags(self, number: int, mailbox: str = "INBOX") -> bytes:
        client = self.login()
        self.good(client.select(mailbox, readonly=True))
        return self.good(client.fetch(str(number), "(FLAGS)"))[0]

    def check_files(self, files: list[pathlib.Path], messages: list[bytes]) -> None:
        """Each message once, whatever line ends and fields before it a program writes."""
        texts = [lines(file.read_bytes()) for file in files]
        self.assertEqual(len(texts), len(messages))
        for message in messages:
            self.assertEqual(len([text for text in texts if text.endswith(lines(message))]), 1, message[:200])


@unittest.skipUnless(shutil.which("neomutt"), "neomutt is not installed")
class Neomutt(Client):
    def neomutt(self, keys: str) -> None:
        rc = self.folder / "rc"
        where = f"imap://{self.server.address}:{self.server.ports['imap']}"
        rc.write_text(f'set imap_user="{ALICE}"\nset imap_pass="{PASSWORD}"\nset ssl_force_tls=no\nset ssl_starttls=no\n'
                      f'set folder="{where}"\nset mbox_type=mbox\nset quit=yes\nset delete=yes\nset move=no\nset confirmappend=no\n'
                      f'set confirmcreate=no\nset record=""\nset wait_key=no\nset imap_condstore=yes\nset imap_qresync=yes\n'
                      f'set sort=mailbox-order\npush "{keys}"\n')
        run_in_terminal(self, ["neomutt", "-n", "-F", str(rc), "-f", f"{where}/INBOX"], self.environment)

    def test_reads_saves_flags_and_moves(self) -> None:
        saved = self.folder / "saved"
        self.neomutt(f"<tag-pattern>~A<enter><tag-prefix><copy-message><kill-line>{saved}<enter>"
                     "<limit>~s 'message 2'<enter><flag-message><limit>all<enter>"
                     "<limit>~s 'message 3'<enter><save-message><kill-line>=Archive<enter><limit>all<enter>"
                     "<sync-mailbox><quit>")
        text = saved.read_bytes()
        for message in self.sent:
            self.assertIn(lines(message.split(b"\r\n\r\n", 1)[1]), text)
        left = self.there()
        self.assertEqual(len(left), 4)
        for got, message in zip(left, [self.sent[n] for n in (0, 1, 3, 4)]):
            trace_of(self, got, message)
        self.assertIn(b"\\Flagged", self.flags(2))
        trace_of(self, self.there("Archive")[0], self.sent[2])

    def test_searches_on_the_server(self) -> None:
        self.neomutt("<delete-pattern>=b 'a line that begins with a dot' =s 'message 4'<enter><sync-mailbox><quit>")
        self.assertEqual(len(self.there()), 4)


@unittest.skipUnless(shutil.which("offlineimap"), "offlineimap is not installed")
class Offlineimap(Client):
    def offlineimap(self) -> None:
        rc = self.folder / "rc"
        rc.write_text(f"""[general]
accounts = test
metadata = {self.folder}/state
ui = basic
[Account test]
localrepository = here
remoterepository = there
[Repository here]
type = Maildir
localfolders = {self.folder}/mail
[Repository there]
type = IMAP
remotehost = {self.server.address}
remoteport = {self.server.ports['imap']}
remoteuser = {ALICE}
remotepass = {PASSWORD}
ssl = no
starttls = no
auth_mechanisms = PLAIN
""")
        self.program("offlineimap", "-c", rc, "-o", env=self.environment)

    def test_both_ways(self) -> None:
        self.offlineimap()
        inbox = self.folder / "mail" / "INBOX"
        files = sorted([*inbox.glob("cur/*"), *inbox.glob("new/*")])
        self.check_files(files, self.sent)
        # Here one is read, one removed and one comes; there one is flagged, and one moved.
        by_number = {n: next(file for file in files if b"Subject: message %d\n" % n in lines(file.read_bytes())) for n in range(1, 6)}
        by_number[1].rename(inbox / "cur" / (by_number[1].name.split(":")[0] + ":2,S"))
        by_number[2].unlink()
        (inbox / "new" / f"{int(time.time())}.1.here").write_bytes(lines(LETTER % (7, 7)))
        client = self.login()
        client.select("INBOX")
        self.good(client.store("3", "+FLAGS", "\\Flagged"))
        self.good(client.uid("MOVE", "4", "Archive"))
        self.offlineimap()
        left = self.there()
        self.assertEqual(len(left), 4)
        self.assertIn(b"\\Seen", self.flags(1))
        for got, message in zip(left[:3], [self.sent[n] for n in (0, 2, 4)]):
            trace_of(self, got, message)
        self.assertTrue(left[3].endswith(b"\r\n\r\nLetter 7\r\n"), left[3])
        files = [*inbox.glob("cur/*"), *inbox.glob("new/*")]
        self.assertEqual(len([file for file in files if "F" in file.name.split(":2,")[-1]]), 1)
        self.check_files([*(self.folder / "mail" / "Archive").glob("*/*")], [self.sent[3]])


@unittest.skipUnless(shutil.which("getmail"), "getmail is not installed")
class Getmail(Client):
    def test_fetches_and_moves(self) -> None:
        keep = self.folder / "keep"  # getmail writes no mailbox for root, but runs what it is told to
        keep.write_text(f"#!/bin/sh\nexec grep -v '^X-getmail-retrieved-from-mailbox:' > {self.folder}/got-$(date +%s%N)\n")
        keep.chmod(0o755)
        rc = self.folder / "getmailrc"
        rc.write_text(f"""[retriever]
type = SimpleIMAPRetriever
server = {self.server.address}
port = {self.server.ports['imap']}
username = {ALICE}
password = {PASSWORD}
mailboxes = ("INBOX",)
move_on_delete = Archive
[destination]
type = MDA_external
path = {keep}
allow_root_commands = true
[options]
delete = true
delivered_to = false
received = false
""")
        rc.chmod(0o600)
        self.program("getmail", "--getmaildir", self.folder, "--rcfile", rc, env=self.environment)
        self.check_files([*self.folder.glob("got-*")], self.sent)
        self.assertEqual(self.there(), [])
        for got, message in zip(self.there("Archive"), self.sent, strict=True):
            trace_of(self, got, message)


@unittest.skipUnless(shutil.which("fetchmail"), "fetchmail is not installed")
class Fetchmail(Client):
    def fetchmail(self, options: str, service: str = "imap") -> list[pathlib.Path]:
        inbox = self.folder / "inbox"
        inbox.mkdir(exist_ok=True)
        deliver = self.folder / "deliver"
        deliver.write_text(f"#!/bin/sh\nexec cat > {inbox}/$(date +%s%N)\n")
        deliver.chmod(0o755)
        rc = self.folder / "rc"
        rc.write_text(f'poll {self.server.address} service {self.server.ports[service]} protocol imap username "{ALICE}" '
                      f'password "{PASSWORD}" {options} mda "{deliver}" no rewrite no stripcr no forcecr\n')
        rc.chmod(0o600)
        self.program("fetchmail", "-f", rc, "--nosyslog", "--nodetach", "--pidfile", self.folder / "pid", "-v", env=self.environment)
        return sorted(inbox.iterdir())

    def test_keeps_and_marks(self) -> None:
        self.check_files(self.fetchmail("keep sslproto ''"), self.sent)
        self.assertEqual(len(self.there()), 5)
        self.assertIn(b"\\Seen", self.flags(5))

    def test_removes_over_tls(self) -> None:
        self.check_files(self.fetchmail("nokeep ssl no sslcertck", "imaps"), self.sent)
        self.assertEqual(self.there(), [])


@unittest.skipUnless((ROOT / "node_modules" / "imapflow").is_dir() and shutil.which("node"), "imapflow is not installed")
class Imapflow(Client):
    def test_a_web_mailers_day(self) -> None:
        self.good(self.login().delete("Work/&1VyuAA-")) if "Work" in str(self.login().list()) else None
        said = dict(json.loads(line) for line in self.program(
            "node", CLIENTS / "imapflow.mjs", self.server.address, str(self.server.ports["imaps"]), ALICE, PASSWORD).splitlines())
        self.assertIn(["Trash", "\\Trash"], said["list"])
        self.assertEqual(said["exists"], 5)
        for (uid, octets, subject, kind), message in zip(said["sources"], self.sent, strict=True):
            trace_of(self, base64.b64decode(octets), message)
            self.assertEqual((subject, kind), (f"message {uid}", "text/plain"))
        self.assertEqual(said["search"], [3])
        self.assertEqual(said["flags"], ["$Work", "\\Flagged"])
        trace_of(self, base64.b64decode(said["download"]), self.sent[0])
        self.assertEqual((said["move"], said["copy"]), ([[1, 1]], [[3, 1]]))
        self.assertEqual((said["append"], said["heard"], said["status"]), (6, [3, 4], [1, 1]))
        left = self.there()
        for got, message in zip(left[:3], [self.sent[n] for n in (1, 2, 4)]):
            trace_of(self, got, message)
        self.assertEqual(left[3], b"Subject: appended\r\n\r\nby imapflow\r\n")
        trace_of(self, self.there("Archive")[0], self.sent[2])
        trace_of(self, self.there("Work/&1VyuAA-")[0], self.sent[0])


@unittest.skipIf(why_no_dovecot() or not shutil.which("doveadm"), why_no_dovecot() or "doveadm is not installed")
class Dsync(Client):
    """A mailbox moves over to Dovecot: doveadm backup pulls everything through imapc."""

    def test_backup_takes_everything(self) -> None:
        client = self.login()
        self.good(client.create('"Kept/2026"'))
        self.good(client.create('"&07jJwA-"'))
        self.fill(client, 40, '"Kept/2026"')
        self.fill(client, 2, '"&07jJwA-"')
        self.good(client.select('"Kept/2026"'))
        self.good(client.store("3", "+FLAGS", "(\\Seen \\Flagged $Work)"))
        home = pathlib.Path("/tmp") / self.folder.name
        home.mkdir(exist_ok=True)
        self.addCleanup(shutil.rmtree, home, ignore_errors=True)
        owner = pwd.getpwnam("dovecot")
        config = home / "dovecot.conf"
        config.write_text(f"""
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/log
ssl = no
mail_location = maildir:{home}/mail:LAYOUT=fs
mail_home = {home}
mail_uid = {owner.pw_uid}
mail_gid = {owner.pw_gid}
first_valid_uid = 1
first_valid_gid = 1
default_internal_user = dovecot
default_login_user = dovenull
imapc_host = {self.server.address}
imapc_port = {self.server.ports['imap']}
imapc_user = {ALICE}
imapc_password = {PASSWORD}
imapc_features = rfc822.size fetch-headers
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid={owner.pw_uid} gid={owner.pw_gid} home={home}
}}
protocols =
mail_fsync = never
mail_prefetch_count = 20
namespace inbox {{
  inbox = yes
  separator = /
}}
""")
        os.chown(home, owner.pw_uid, owner.pw_gid)
        for _ in range(2):  # the second time it finds all there
            self.program("doveadm", "-c", config, "backup", "-R", "imapc:", seconds=60,
                         env={**self.environment, "USER": owner.pw_name, "HOME": str(home)}, user=owner.pw_uid, group=owner.pw_gid)
        files = lambda name: [*home.glob(f"mail/{name}/cur/*"), *home.glob(f"mail/{name}/new/*")]
        self.check_files([*home.glob("mail/cur/*"), *home.glob("mail/new/*")] or files("INBOX"), self.sent)
        self.check_files(files("Kept/2026"), [LETTER % (n, n) for n in range(1, 41)])
        flags = [file.name.split(":2,")[-1] for file in files("Kept/2026") if file.read_bytes().endswith(b"Letter 3\n")]
        self.assertEqual(sorted(flags[0].rstrip("abcdefghij")), ["F", "S"])
        self.check_files(files("&07jJwA-"), [LETTER % (n, n) for n in range(1, 3)])


del Client
