"""Letters that begin here are signed: keys made with the domain, published in a zone or a real name server, seen, used; and
dkimpy, as a receiver elsewhere, finds their signatures good."""
import json
import os
import pathlib
import shutil
import signal
import smtplib
import ssl
import subprocess
import tempfile
import unittest

import dkim
from case import PASSWORD, Mailbox, Server
from harness.mail_host import PORT, MailHost
from harness.server import own_address, wait_until

KNOTD = pathlib.Path("/usr/sbin/knotd")
DNS_PORT = 5353


def records(server: Server, *words: str) -> list[dict]:
    return json.loads(server.cli("domain", "dns", server.domain, "--json", *words).stdout)["records"]


def states(server: Server) -> set[str]:
    return {key["state"] for key in json.loads(server.cli("dkim", "list", server.domain, "--json").stdout)["keys"]}


def signatures(letter: bytes, keys: dict[str, str]) -> list[str]:
    """The algorithm of each signature from the top, as a receiver judges it."""
    def ask(name: bytes, timeout: int = 5) -> bytes | None:
        del timeout
        text = keys.get(name.decode().lower())
        return text.encode() if text is not None else None
    found = []
    verifier = dkim.DKIM(letter)
    count = sum(1 for line in letter.split(b"\r\n\r\n")[0].split(b"\r\n") if line.lower().startswith(b"dkim-signature:"))
    for number in range(count):
        good = verifier.verify(idx=number, dnsfunc=ask)
        found.append(f"{verifier.signature_fields[b'a'].decode()} {verifier.signature_fields[b'd'].decode()} {good}")
    return sorted(found)


class Signing(unittest.TestCase):
    def setUp(self) -> None:
        self.sink = MailHost(["250 2.1.5 fine"])
        self.addCleanup(self.sink.close)
        self.refuser = MailHost(["550 5.1.1 no such user"])
        self.addCleanup(self.refuser.close)
        self.server = Server(domain="seoul.example", hostname="mail.seoul.example")
        self.addCleanup(self.server.close)
        self.server.add_domain()
        for person in ("alice", "bob"):
            self.server.add_account(f"{person}@seoul.example")

    def start(self, *, publish: bool = True) -> None:
        zone = self.server.folder / "example.zone"
        lines = ["$ORIGIN example.", "$TTL 60", "@ 60 IN SOA ns hostmaster 1 60 60 60 60"]
        for name, peer in (("sink", self.sink), ("refuser", self.refuser)):
            lines += [f"{name} IN MX 10 mx.{name}", f"mx.{name} IN A {peer.address}"]
        self.keys = {}
        for record in records(self.server):
            if record["purpose"] == "DKIM" and publish:
                lines.append(f"{record['name']} IN TXT {record['data']}")
                self.keys[record["name"]] = "".join(record["data"].split('"')[1::2])
        zone.write_text("\n".join(lines) + "\n")
        self.server.settings = (f'[dns]\nzones = ["{zone}"]\nservers = ["127.0.0.1@9"]\ntimeout = "2s"\n'
                                f"[queue]\nremote_port = {PORT}\n[store]\nspill_at = \"32K\"\nfile_min = \"64K\"\n")
        self.server.write_config()
        self.server.start()

    def submit(self, to: list[str], body: str = "How are you?\r\n") -> None:
        message = (f"From: Alice <alice@seoul.example>\r\nTo: {', '.join(to)}\r\nSubject: hello\r\n"
                   f"Message-ID: <1@seoul.example>\r\n\r\n{body}").encode()
        context = ssl.create_default_context(cafile=str(self.server.certificate))
        context.check_hostname = False
        with smtplib.SMTP(self.server.address, self.server.ports["submission"], "client.example", timeout=60) as client:
            client.starttls(context=context)
            client.login("alice@seoul.example", PASSWORD)
            client.sendmail("alice@seoul.example", to, message)

    def letters(self, person: str, count: int) -> list[bytes]:
        mailbox = Mailbox(self.server, f"{person}@seoul.example")
        wait_until(lambda: len(mailbox.messages()) >= count, 30, f"{count} letters for {person}\n{self.server.log_tail(30)}", step=0.1)
        return mailbox.messages()

    both = ["ed25519-sha256 seoul.example True", "rsa-sha256 seoul.example True"]

    def test_everybody_gets_them_signed_and_notices_are_too(self) -> None:
        self.start()
        wait_until(lambda: states(self.server) == {"in use"}, 30, "the keys are used", step=0.1)
        self.submit(["x@sink.example", "bob@seoul.example"])
        wait_until(lambda: self.sink.letters, 30, "the letter goes out", step=0.1)
        self.assertEqual(signatures(self.sink.letters[0].octets, self.keys), self.both)
        self.assertEqual(signatures(self.letters("bob", 1)[0], self.keys), self.both)
        trace = json.loads(self.server.cli("trace", "<1@seoul.example>", "--json").stdout)
        self.assertIn('"rsa-sha256"', json.dumps(trace))
        # Bigger than memory: received into a file.
        self.submit(["x@sink.example"], "It is a long story.\r\n" * 10_000)
        wait_until(lambda: len(self.sink.letters) == 2, 60, "the long letter goes out", step=0.1)
        self.assertEqual(signatures(self.sink.letters[1].octets, self.keys), self.both)
        # From the command line of this machine, and what comes back.
        self.server.cli("sendmail", "-f", "alice@seoul.example", "y@refuser.example",
                        input_text="From: alice@seoul.example\nTo: y@refuser.example\nSubject: lost\n\nlost\n")
        bounce = self.letters("alice", 1)[0]
        self.assertIn(b"MAILER-DAEMON@mail.seoul.example", bounce)
        self.assertEqual(signatures(bounce, self.keys), self.both)

    def test_without_a_published_key_a_letter_says_so_in_its_trace(self) -> None:
        self.start(publish=False)
        self.submit(["bob@seoul.example"])
        self.assertEqual(signatures(self.letters("bob", 1)[0], {}), [])
        self.assertEqual(states(self.server), {"made"})
        trace = self.server.cli("trace", "<1@seoul.example>", "--json").stdout
        self.assertIn("seoul.example has no key in use here", trace)
        selector = json.loads(self.server.cli("dkim", "list", "--json").stdout)["keys"][0]["selector"]
        refused = self.server.cli("dkim", "use", "seoul.example", selector, check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("was not seen in the DNS", refused.stderr)
        self.server.cli("dkim", "use", "seoul.example", selector, "--force")
        self.submit(["bob@seoul.example"])
        self.assertEqual(len(signatures(self.letters("bob", 2)[1], {})), 1)

    def test_a_passphrase_seals_the_keys(self) -> None:
        database = self.server.data / "directory.sqlite"
        self.assertIn(b"PRIVATE KEY", database.read_bytes() + b"".join(
            file.read_bytes() for file in self.server.data.glob("directory.sqlite-wal")))
        for name, words in (("first", "swordfish"), ("second", "goldfish")):
            (self.server.folder / name).write_text(words + "\n")
        self.server.settings = f'[dkim]\npassphrase_file = "{self.server.folder}/first"\n'
        self.server.write_config()
        self.assertTrue(json.loads(self.server.cli("dkim", "list", "--json").stdout)["sealed"])
        with tempfile.NamedTemporaryFile() as copy:
            subprocess.run(["sqlite3", str(database), f"VACUUM INTO '{copy.name}.db'"], check=False)
            rows = pathlib.Path(copy.name + ".db")
            if rows.exists():
                self.assertNotIn(b"PRIVATE KEY", rows.read_bytes())
                rows.unlink()
        self.server.cli("dkim", "passphrase", str(self.server.folder / "second"))
        wrong = self.server.cli("dkim", "list", check=False)
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("this is not the passphrase of the DKIM keys", wrong.stderr)
        self.server.settings = ""
        self.server.write_config()
        self.assertIn("[dkim] passphrase_file", self.server.cli("dkim", "list", check=False).stderr)
        self.server.settings = f'[dkim]\npassphrase_file = "{self.server.folder}/second"\n'
        self.server.write_config()
        self.server.cli("dkim", "passphrase", "--none")
        self.server.settings = ""
        self.server.write_config()
        self.assertFalse(json.loads(self.server.cli("dkim", "list", "--json").stdout)["sealed"])


class Files(unittest.TestCase):
    def test_a_key_in_a_file(self) -> None:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="pabal-test-"))
        self.addCleanup(shutil.rmtree, folder)
        server = Server(domain="x.example")
        self.addCleanup(server.close)
        made = json.loads(server.cli("dkim", "keygen", "x.example", "--algorithm", "ed25519", "--selector", "s", "--out",
                                     str(folder / "key.pem"), "--json").stdout)
        self.assertEqual(made["name"], "s._domainkey.x.example.")
        self.assertTrue(made["record"].startswith("v=DKIM1; k=ed25519; p="))
        self.assertEqual(os.stat(folder / "key.pem").st_mode & 0o777, 0o600)
        self.assertIn("PRIVATE KEY", (folder / "key.pem").read_text())
        again = server.cli("dkim", "keygen", "x.example", "--selector", "s", "--out", str(folder / "key.pem"), check=False)
        self.assertEqual(again.returncode, 1)  # never over another key
        server.add_domain()
        taken = json.loads(server.cli("dkim", "import", "x.example", "--selector", "s", "--key", str(folder / "key.pem"), "--json").stdout)
        self.assertEqual(taken["record"], made["record"])


@unittest.skipUnless(KNOTD.exists(), "knotd: not installed")
class Checking(unittest.TestCase):
    """pabal domain dns --check against knot."""

    def setUp(self) -> None:
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dns-test-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.address = own_address()
        self.serial = 0
        self.write_zone("")
        (self.folder / "knot.conf").write_text(
            f"server:\n    rundir: \"{self.folder}\"\n    listen: {self.address}@{DNS_PORT}\n    udp-workers: 1\n    tcp-workers: 1\n"
            f"    background-workers: 1\ndatabase:\n    storage: \"{self.folder}\"\n"
            f"template:\n  - id: default\n    storage: \"{self.folder}\"\n    file: \"%s.zone\"\nzone:\n  - domain: seoul.example\n")
        with open(self.folder / "log", "ab") as log:
            self.knot = subprocess.Popen([str(KNOTD), "-c", str(self.folder / "knot.conf")], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.addCleanup(self.knot.wait)
        self.addCleanup(self.knot.terminate)

    def write_zone(self, text: str) -> None:
        self.serial += 1
        # Nothing is remembered for more than a second, neither what is there nor what isn't.
        (self.folder / "seoul.example.zone").write_text(
            f"$TTL 1\n$ORIGIN seoul.example.\n@ SOA ns admin {self.serial} 60 60 60 1\n@ NS ns\nns A {self.address}\n{text}\n")

    def publish(self, text: str) -> None:
        self.write_zone(text)
        self.knot.send_signal(signal.SIGHUP)

    def test_records_that_appear_are_seen_and_their_keys_used(self) -> None:
        server = Server(domain="seoul.example", hostname="mail.seoul.example",
                        settings=f'[dns]\nservers = ["{self.address}@{DNS_PORT}"]\ndnssec = false\ntimeout = "10s"\n')
        self.addCleanup(server.close)
        server.add_domain()

        def check() -> dict[str, str]:
            found: dict[str, str] = {}
            for record in records(server, "--check"):
                found[record["purpose"]] = found.get(record["purpose"], "") + record["check"] + " "
            return found
        wait_until(lambda: check()["MX"] == "missing ", 30, "knot answers", step=0.3)  # nobody serves: the command asks itself
        self.assertEqual(check()["DKIM"], "missing missing ")
        self.assertEqual(states(server), {"made"})
        server.start()
        self.assertEqual(check()["DKIM"], "missing missing ")
        wanted = [f"{r['name']} 1 IN {r['type']} {r['data']}" for r in records(server) if r["purpose"] != "SPF"]
        self.publish("\n".join(wanted) + '\n@ TXT "v=spf1 a -all"\n')
        wait_until(lambda: check()["DKIM"] == "there there ", 30, f"the keys are seen: {check()}", step=0.5)
        found = check()
        self.assertEqual((found["MX"], found["SPF"], found["DMARC"], found["TLS-RPT"]), ("there ", "differs ", "there ", "there "))
        self.assertEqual(states(server), {"in use"})
        shown = server.cli("domain", "dns", "seoul.example", "--check").stdout
        self.assertIn("IT DIFFERS: make sure that it allows this server", shown)
        # What is printed is a zone file.
        self.publish(server.cli("domain", "dns", "seoul.example").stdout)
        wait_until(lambda: check()["SPF"] == "there ", 30, f"the zone as printed is taken: {check()}", step=0.5)
        self.assertNotIn("missing", " ".join(check().values()))


if __name__ == "__main__":
    unittest.main()
