"""IMAP with real clients: Python's imaplib, curl, mbsync (both ways); and two sessions on one mailbox, word by word."""
import imaplib
import pathlib
import re
import subprocess
import tempfile
import time

from case import ALICE, BOB, PASSWORD, ServerCase
from harness.mail import make_message, tls_context, trace_of
from harness.raw import send_message

LETTER = b"From: Bob <bob@seoul.example>\r\nTo: alice@seoul.example\r\nSubject: =?UTF-8?B?7YyM67Cc?= %d\r\n\r\nLetter %d\r\n"


class ImapCase(ServerCase):
    def login(self, user: str = ALICE) -> imaplib.IMAP4:
        client = imaplib.IMAP4(self.server.address, self.server.ports["imap"], timeout=30)
        self.addCleanup(client.sock.close)
        client.login(user, PASSWORD)
        return client

    def setUp(self) -> None:
        super().setUp()
        client = self.login()
        for line in client.list()[1]:
            name = line.decode().rsplit(" ", 1)[1]
            if name not in ("INBOX", "Archive", "Drafts", "Junk", "Sent", "Trash"):
                client.delete(name)
                continue
            client.select(name)
            client.store("1:*", "+FLAGS.SILENT", "\\Deleted")
            client.close()
        client.logout()

    def good(self, answer: tuple[str, list]) -> list:
        self.assertEqual(answer[0], "OK", answer)
        return answer[1]

    def fill(self, client: imaplib.IMAP4, count: int, mailbox: str = "INBOX") -> None:
        for number in range(1, count + 1):
            self.good(client.append(mailbox, "", None, LETTER % (number, number)))


class Imaplib(ImapCase):
    def test_a_letter_is_read_filed_and_removed(self) -> None:
        message = make_message(1, to=ALICE, sender=BOB, size=200_000)
        with self.smtp() as smtp:
            send_message(smtp, BOB, [ALICE], message)
        client = self.login()
        self.assertEqual(self.good(client.select("INBOX")), [b"1"])
        self.assertEqual(self.good(client.search(None, "UNSEEN")), [b"1"])
        fetched = self.good(client.fetch("1", "(UID RFC822.SIZE BODY[])"))
        trace_of(self, fetched[0][1], message)
        self.assertIn(b"RFC822.SIZE %d" % len(fetched[0][1]), fetched[0][0])
        self.assertEqual(self.good(client.search(None, "UNSEEN")), [b""])
        # Pieces of it are the whole.
        pieces = b"".join(self.good(client.fetch("1", f"(BODY.PEEK[]<{at}.7777>)"))[0][1]
                          for at in range(0, len(fetched[0][1]), 7777))
        self.assertEqual(pieces, fetched[0][1])
        header = self.good(client.fetch("1", "(BODY.PEEK[HEADER])"))[0][1]
        text = self.good(client.fetch("1", "(BODY.PEEK[TEXT])"))[0][1]
        self.assertEqual(header + text, fetched[0][1])
        self.good(client.create('"Kept/This year"'))
        self.good(client.store("1", "+FLAGS", "(\\Flagged $Work)"))
        self.good(client.copy("1", '"Kept/This year"'))
        self.good(client.uid("MOVE", "1", "Trash"))
        self.assertEqual(self.good(client.search(None, "ALL")), [b""])
        self.assertEqual(self.good(client.select('"Kept/This year"')), [b"1"])
        self.assertIn(b"\\Flagged", self.good(client.fetch("1", "(FLAGS)"))[0])
        self.assertIn(b"$Work", self.good(client.fetch("1", "(FLAGS)"))[0])
        trace_of(self, self.good(client.fetch("1", "(BODY.PEEK[])"))[0][1], message)
        self.good(client.store("1", "+FLAGS", "\\Deleted"))
        self.assertEqual(self.good(client.expunge()), [b"1"])
        self.good(client.close())
        self.good(client.rename("Kept", "Old"))
        self.assertIn(b'(\\HasNoChildren) "/" "Old/This year"', self.good(client.list()))
        self.good(client.delete('"Old/This year"'))
        self.good(client.delete("Old"))

    def test_korean_names_and_searches(self) -> None:
        client = self.login()
        self.good(client.create('"&07jJwA-"'))
        self.assertIn(b'(\\HasNoChildren) "/" &07jJwA-', self.good(client.list()))
        self.good(client.enable("UTF8=ACCEPT"))
        self.assertIn('(\\HasNoChildren) "/" "편지"'.encode(), self.good(client.list()))
        self.fill(self.login(), 3)
        client = self.login()
        client.select("INBOX")
        client.literal = "파발".encode()
        self.assertEqual(self.good(client.search("UTF-8", "SUBJECT")), [b"1 2 3"])
        client.literal = "파발 2".encode()
        self.assertEqual(self.good(client.search("UTF-8", "TEXT")), [b"2"])
        self.assertEqual(self.good(client.search(None, 'BODY "letter 3"')), [b"3"])
        self.assertEqual(self.good(client.search(None, 'OR FROM "nobody" NOT HEADER Subject ""')), [b""])
        self.assertEqual(self.good(client.search(None, "LARGER 10 SMALLER 100000 SINCE 1-Jan-2020")), [b"1 2 3"])

    def test_refusals(self) -> None:
        client = self.login()
        for command, arguments, code in (("SELECT", ("Nowhere",), b"NONEXISTENT"), ("CREATE", ("INBOX",), b"ALREADYEXISTS"),
                                         ("DELETE", ("INBOX",), b"CANNOT")):
            status, words = client._simple_command(command, *arguments)
            self.assertEqual(status, "NO")
            self.assertIn(code, words[0])
        status, words = client.append("Nowhere", "", None, LETTER % (1, 1))
        self.assertEqual(status, "NO")
        self.assertIn(b"TRYCREATE", words[0])
        with self.assertRaisesRegex(imaplib.IMAP4.error, "AUTHENTICATIONFAILED"):
            imaplib.IMAP4(self.server.address, self.server.ports["imap"]).login(ALICE, "wrong")
        with self.assertRaises(imaplib.IMAP4.error):
            client.select("INBOX")
            client.fetch("99", "(FLAGS)")

    def test_starttls_and_tls(self) -> None:
        client = imaplib.IMAP4(self.server.address, self.server.ports["imap"])
        client.starttls(tls_context())
        self.assertNotIn("STARTTLS", client.capabilities)
        client.login(ALICE, PASSWORD)
        client.logout()
        client = imaplib.IMAP4_SSL(self.server.address, self.server.ports["imaps"], ssl_context=tls_context())
        client.authenticate("PLAIN", lambda _: f"\0{ALICE}\0{PASSWORD}".encode())
        client.logout()


    def test_starttls_throws_away_what_came_before(self) -> None:
        for injected in (f'i LOGIN {BOB} "{PASSWORD}"\r\n', "i LANGUAGE ko\r\n", "i LOGIN {5}\r\n", "i CAP"):
            wire = self.wire("imap")
            self.assertTrue(wire.line().startswith(b"* OK "))
            wire.send(f"a STARTTLS\r\n{injected}".encode())
            self.assertTrue(wire.line().startswith(b"a OK "), injected)
            self.assertEqual(wire.buffer, b"", injected)
            wire.start_tls()
            # Had the injected command counted, it would be answered first, or someone be logged in.
            wire.send(b"b NOOP\r\n")
            self.assertEqual(wire.line(), b"b OK Done.", injected)
            wire.send(b"c SELECT INBOX\r\n")
            self.assertTrue(wire.line().startswith(b"c BAD "), injected)
            wire.send(f'd LOGIN {ALICE} "{PASSWORD}"\r\n'.encode())
            self.assertTrue(wire.line().startswith(b"d OK "), injected)


class TwoSessions(ImapCase):
    def raw(self) -> "Raw":
        return Raw(self, self.server.address, self.server.ports["imap"])

    def test_idle_hears_what_others_do(self) -> None:
        idler, other = self.raw(), self.login()
        idler.ask("SELECT INBOX")
        idler.send("i IDLE")
        self.assertTrue(idler.line().startswith("+ "))
        self.fill(other, 2)
        self.assertIn("* 2 EXISTS", idler.until("* 2 EXISTS"))
        other.select("INBOX")
        other.store("1", "+FLAGS", "(\\Flagged)")
        self.assertRegex(idler.until("* 1 FETCH")[-1], r"FLAGS \(\\Flagged( \\Recent)?\)")
        other.store("1", "+FLAGS", "(\\Deleted)")
        other.expunge()
        idler.until("* 1 EXPUNGE")
        idler.send("DONE")
        idler.until("i OK")

    def test_numbers_stay_while_they_are_on_their_way(self) -> None:
        self.fill(self.login(), 4)
        one, other = self.raw(), self.login()
        one.ask("SELECT INBOX")
        uids = [int(line.split()[-1][:-1]) for line in one.ask("FETCH 1:4 (UID)")[:-1]]
        other.select("INBOX")
        other.store("2", "+FLAGS.SILENT", "\\Deleted")
        other.expunge()
        # Number 3 is still what it was, and number 2 is gone without an EXPUNGE.
        said = one.ask("FETCH 2:3 (UID)")
        self.assertFalse([line for line in said if "EXPUNGE" in line and "EXPUNGEISSUED" not in line], said)
        self.assertIn(f"* 3 FETCH (UID {uids[2]})", said)
        said = one.ask("STORE 3 +FLAGS (\\Answered)")
        self.assertFalse([line for line in said if " EXPUNGE" in line], said)
        self.assertIn("* 2 EXPUNGE", one.ask("NOOP"))
        self.assertIn(f"* 2 FETCH (UID {uids[2]})", one.ask("FETCH 2 (UID)"))

    def test_silence_hides_only_ones_own_changes(self) -> None:
        self.fill(self.login(), 2)
        one, other = self.raw(), self.login()
        one.ask("SELECT INBOX")
        other.select("INBOX")
        other.store("1", "+FLAGS", "(\\Flagged)")
        said = one.ask("STORE 1:2 +FLAGS.SILENT (\\Seen)")
        told = [line for line in said if "FETCH" in line and line.startswith("*")]
        self.assertEqual(len(told), 1, said)
        self.assertRegex(told[0], r"^\* 1 FETCH \(FLAGS \(\\Flagged \\Seen( \\Recent)?\)\)$")

    def test_condstore(self) -> None:
        self.fill(self.login(), 3)
        one = self.raw()
        said = one.ask("SELECT INBOX (CONDSTORE)")
        modseq = int(re.search(r"HIGHESTMODSEQ (\d+)", "\n".join(said)).group(1))
        one.ask("STORE 2 +FLAGS (\\Seen)")
        said = one.ask(f"FETCH 1:* (FLAGS) (CHANGEDSINCE {modseq})")
        self.assertEqual([line.split()[1] for line in said if "FETCH" in line and line.startswith("*")], ["2"])
        said = one.ask(f"STORE 1:3 (UNCHANGEDSINCE {modseq}) +FLAGS (\\Deleted)")
        self.assertIn("[MODIFIED 2]", said[-1])


class Raw:
    """A session that is spoken to line by line."""

    def __init__(self, test: ImapCase, address: str, port: int):
        import socket
        self.socket = socket.create_connection((address, port), timeout=30)
        test.addCleanup(self.socket.close)
        self.file = self.socket.makefile("rb")
        self.count = 0
        self.line()
        self.ask(f'LOGIN {ALICE} "{PASSWORD}"')

    def send(self, line: str) -> None:
        self.socket.sendall(line.encode() + b"\r\n")

    def line(self) -> str:
        line = self.file.readline()
        if not line.endswith(b"\n"):
            raise ConnectionError("the connection has ended")
        return line.decode().rstrip("\r\n")

    def until(self, beginning: str) -> list[str]:
        lines = [self.line()]
        while not lines[-1].startswith(beginning):
            lines.append(self.line())
        return lines

    def ask(self, command: str) -> list[str]:
        self.count += 1
        self.send(f"a{self.count} {command}")
        return self.until(f"a{self.count} ")


class Curl(ImapCase):
    def curl(self, path: str, *more: str, input_octets: bytes = b"") -> bytes:
        url = f"imaps://{self.server.address}:{self.server.ports['imaps']}/{path}"
        done = subprocess.run(["curl", "-sS", "-k", "--max-time", "30", "--user", f"{ALICE}:{PASSWORD}", "--url", url, *more],
                              input=input_octets, capture_output=True, check=False, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_curl_puts_lists_and_gets(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "letter"
            file.write_bytes(LETTER % (1, 1))
            self.curl("Archive", "-T", str(file))
        self.assertIn(b'"/" Archive', self.curl(""))
        self.assertEqual(self.curl("Archive;UID=1"), LETTER % (1, 1))
        self.assertEqual(self.curl("Archive?SUBJECT%201").split(), [b"*", b"SEARCH", b"1"])


class Mbsync(ImapCase):
    def test_both_ways(self) -> None:
        client = self.login()
        self.fill(client, 30)
        self.fill(client, 3, "Archive")
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "mail").mkdir()
            (folder / "rc").write_text(f"""IMAPStore remote
Host {self.server.address}
Port {self.server.ports['imap']}
User {ALICE}
Pass "{PASSWORD}"
SSLType None
AuthMechs LOGIN

MaildirStore local
Path {folder}/mail/
Inbox {folder}/mail/INBOX
SubFolders Verbatim

Channel all
Far :remote:
Near :local:
Patterns *
Create Both
Expunge Both
SyncState *
""")
            sync = ["mbsync", "-c", folder / "rc", "-a"]
            self.program(*sync)
            self.assertEqual(self.here(folder, "INBOX"), {number: set() for number in range(1, 31)})
            self.assertEqual(self.here(folder, "Archive"), {number: set() for number in range(1, 4)})
            # Here: one removed, one read, one answered, a new letter, a new folder with one in it.
            files = self.files(folder, "INBOX")
            files[3].unlink()
            self.mark(files[4], "S")
            self.mark(files[6], "R")
            self.put(folder, "INBOX", 40)
            for part in ("cur", "new", "tmp"):
                (folder / "mail" / "Here" / part).mkdir(parents=True)
            self.put(folder, "Here", 50)
            # There: one flagged, one that was marked here too, one removed, a new letter, one moved, a new folder.
            client.select("INBOX")
            self.good(client.store("5,6", "+FLAGS", "\\Flagged"))
            self.good(client.store("7", "+FLAGS", "\\Deleted"))
            self.good(client.uid("MOVE", "8", "Archive"))
            self.good(client.expunge())
            self.good(client.append("INBOX", "(\\Seen)", None, LETTER % (31, 31)))
            self.good(client.create("There"))
            self.good(client.append("There", "(\\Flagged)", None, LETTER % (60, 60)))
            time.sleep(1.1)
            for _ in range(2):  # the second time there is nothing left to do
                self.program(*sync)
                inbox = {number: set() for number in range(1, 31) if number not in (3, 7, 8)}
                inbox |= {4: {"S"}, 5: {"F"}, 6: {"F", "R"}, 31: {"S"}, 40: set()}
                for name, letters in (("INBOX", inbox), ("Archive", {1: set(), 2: set(), 3: set(), 8: set()}), ("Here", {50: set()}),
                                      ("There", {60: {"F"}})):
                    with self.subTest(name=name):
                        self.assertEqual(self.here(folder, name), letters)
                        self.assertEqual(self.there(client, name), letters)
            # And the other way round: what came from there is removed here, what came from here is removed there.
            self.files(folder, "There")[60].unlink()
            client.select("Here")
            self.good(client.store("1", "+FLAGS", "\\Deleted"))
            self.good(client.expunge())
            time.sleep(1.1)
            self.program(*sync)
            for name in ("Here", "There"):
                self.assertEqual((self.here(folder, name), self.there(client, name)), ({}, {}), name)

    def files(self, folder: pathlib.Path, name: str) -> dict[int, pathlib.Path]:
        """The files of a Maildir by the numbers of their letters, each there once."""
        found = [file for part in ("cur", "new") for file in (folder / "mail" / name / part).iterdir()]
        by_number = {int(re.search(rb"Letter (\d+)", file.read_bytes())[1]): file for file in found}
        self.assertEqual(len(by_number), len(found))
        return by_number

    def here(self, folder: pathlib.Path, name: str) -> dict[int, set[str]]:
        """The flags of a Maildir's letters."""
        return {number: set(file.name.partition(":2,")[2]) for number, file in self.files(folder, name).items()}

    def there(self, client: imaplib.IMAP4, name: str) -> dict[int, set[str]]:
        """The same of the server's mailbox."""
        count = int(self.good(client.select(name, readonly=True))[0])
        names = {b"\\Seen": "S", b"\\Flagged": "F", b"\\Answered": "R", b"\\Deleted": "T"}
        found = {}
        for number in range(1, count + 1):
            fetched = self.good(client.fetch(str(number), "(FLAGS BODY.PEEK[TEXT])"))
            flags = b"".join(part if isinstance(part, bytes) else part[0] for part in fetched)
            found[int(re.search(rb"Letter (\d+)", fetched[0][1])[1])] = {letter for flag, letter in names.items() if flag in flags}
        self.assertEqual(len(found), count)
        return found

    @staticmethod
    def mark(file: pathlib.Path, flags: str) -> None:
        file.rename(file.parent.parent / "cur" / (file.name.split(":")[0] + ":2," + flags))

    @staticmethod
    def put(folder: pathlib.Path, name: str, number: int) -> None:
        (folder / "mail" / name / "new" / f"{int(time.time())}.{number}.here").write_bytes((LETTER % (number, number)).replace(b"\r\n", b"\n"))
