"""Mailboxes that two accounts in two shards share (RFC 4314), with Python's imaplib and word by word."""
import imaplib
import unittest
from collections.abc import Callable

from case import ALICE, BOB, PASSWORD, ServerCase

THEIRS = f'"Other Users/{ALICE}/Team"'
LETTER = b"From: bob@seoul.example\r\nSubject: number %d\r\n\r\nLetter %d\r\n"


class Sharing(ServerCase):
    settings = '[store]\nshards = ["sqlite:shard0", "sqlite:shard1"]\n'

    def login(self, user: str) -> imaplib.IMAP4:
        client = imaplib.IMAP4(self.server.address, self.server.ports["imap"], timeout=30)
        self.addCleanup(client.sock.close)
        client.login(user, PASSWORD)
        return client

    def good(self, answer: tuple[str, list]) -> list:
        self.assertEqual(answer[0], "OK", answer)
        return answer[1]

    def setUp(self) -> None:
        super().setUp()
        self.owner, self.guest = self.login(ALICE), self.login(BOB)
        self.owner.delete("Team")
        self.good(self.owner.create("Team"))

    def test_two_shards(self) -> None:
        folders = sorted(path.name for path in self.server.data.iterdir() if path.name.startswith("shard"))
        self.assertEqual(folders, ["shard0", "shard1"])

    def test_seen_listed_and_read(self) -> None:
        self.assertEqual(self.guest.select(THEIRS)[0], "NO")
        self.assertEqual(self.good(self.guest.list('""', '"Other Users/*"')), [None])
        self.good(self.owner.setacl("Team", BOB, "lrst"))
        self.assertIn(f"{BOB} lrst".encode(), self.good(self.owner.getacl("Team"))[0])
        self.assertTrue(self.good(self.guest.myrights(THEIRS))[0].endswith(b" lrstd"))
        self.assertIn(b'"Other Users/" "/"', self.good(self.guest.namespace())[0])
        self.assertTrue(any(THEIRS.encode() in line for line in self.good(self.guest.list('""', '"Other Users/*"'))))
        self.good(self.owner.append("Team", "", None, LETTER % (1, 1)))
        self.assertEqual(self.good(self.guest.select(THEIRS)), [b"1"])
        self.assertIn(b"Letter 1", self.good(self.guest.fetch("1", "(BODY[TEXT])"))[0][1])
        self.assertEqual(self.good(self.guest.search(None, "UNSEEN")), [b""])
        self.assertIn(b"UNSEEN 1", self.good(self.owner.status("Team", "(UNSEEN)"))[0])
        self.assertIn(b"UNSEEN 0", self.good(self.guest.status(THEIRS, "(UNSEEN)"))[0])
        self.assertEqual(self.guest.store("1", "+FLAGS", "(\\Flagged)")[0], "NO")
        self.good(self.guest.subscribe(THEIRS))
        self.assertTrue(any(THEIRS.encode() in line for line in self.good(self.guest.lsub('""', "*"))))

    def test_letters_go_both_ways(self) -> None:
        self.good(self.owner.setacl("Team", BOB, "lrswite"))
        for number in (1, 2):
            self.good(self.guest.append(THEIRS, "(\\Seen \\Flagged)", None, LETTER % (number, number)))
        self.good(self.owner.select("Team"))
        self.assertIn(b"(\\Flagged", self.good(self.owner.fetch("1", "(FLAGS)"))[0])
        self.assertNotIn(b"\\Seen", self.good(self.owner.fetch("1", "(FLAGS)"))[0])
        self.good(self.guest.select(THEIRS))
        self.assertIn(b"\\Seen", self.good(self.guest.fetch("1", "(FLAGS)"))[0])
        # Out of one shard into the other, and back.
        self.good(self.guest.copy("1", "Archive"))
        self.good(self.guest.uid("MOVE", "2", "Archive"))
        self.assertEqual(self.good(self.guest.select("Archive")), [b"2"])
        self.assertIn(b"Letter 2", self.good(self.guest.fetch("2", "(BODY.PEEK[] FLAGS)"))[0][1])
        self.good(self.guest.copy("1:2", THEIRS))
        self.assertIn(b"MESSAGES 3", self.good(self.owner.status("Team", "(MESSAGES)"))[0])
        self.good(self.guest.store("1:2", "+FLAGS.SILENT", "\\Deleted"))
        self.good(self.guest.close())

    def test_what_is_given_and_taken_while_it_is_open(self) -> None:
        self.good(self.owner.setacl("Team", BOB, "lrswite"))
        self.good(self.owner.append("Team", "", None, LETTER % (1, 1)))
        self.good(self.guest.select(THEIRS))
        self.good(self.guest.store("1", "+FLAGS", "(\\Answered)"))
        self.good(self.owner.setacl("Team", BOB, "lr"))
        self.assertEqual(self.guest.store("1", "+FLAGS", "(\\Draft)")[0], "NO")
        self.assertEqual(self.guest.expunge()[0], "NO")
        self.good(self.guest.fetch("1", "(FLAGS)"))
        self.good(self.owner.setacl("Team", BOB, "+w"))
        self.good(self.guest.store("1", "+FLAGS", "(\\Draft)"))
        # Others hear of letters at once, and of the right to read being taken.
        self.guest.send(b"i IDLE\r\n")
        while not self.guest.readline().startswith(b"+ "):
            pass
        self.good(self.owner.append("Team", "", None, LETTER % (2, 2)))
        while not self.guest.readline().startswith(b"* 2 EXISTS"):
            pass
        self.good(self.owner.deleteacl("Team", BOB))
        line = self.guest.readline()
        while line and not line.startswith(b"* BYE"):
            line = self.guest.readline()
        self.assertTrue(line.startswith(b"* BYE"))
        guest = self.login(BOB)
        self.assertEqual(guest.select(THEIRS)[0], "NO")

    def test_rights_and_names_at_the_end_of_an_append(self) -> None:
        self.good(self.owner.setacl("Team", BOB, "lri"))
        letter = LETTER % (1, 1)
        wire = self.wire("imap")
        wire.line()
        wire.send(f'a LOGIN {BOB} "{PASSWORD}"\r\n'.encode())
        self.assertTrue(wire.line().startswith(b"a OK"))

        def append_while(change: Callable[[], tuple[str, list]]) -> bytes:
            wire.send(f"b APPEND {THEIRS} {{{len(letter)}}}\r\n".encode())
            self.assertTrue(wire.line().startswith(b"+ "))
            self.good(change())
            wire.send(letter + b"\r\n")
            return wire.line()

        self.assertTrue(append_while(self.owner.noop).startswith(b"b OK [APPENDUID "))
        self.assertTrue(append_while(lambda: self.owner.deleteacl("Team", BOB)).startswith(b"b NO [TRYCREATE]"))
        self.good(self.owner.setacl("Team", BOB, "lri"))
        self.addCleanup(self.owner.delete, "Old")
        self.assertTrue(append_while(lambda: self.owner.rename("Team", "Old")).startswith(b"b NO [TRYCREATE]"))
        self.assertIn(b"MESSAGES 1", self.good(self.owner.status("Old", "(MESSAGES)"))[0])

    def test_a_quota_that_counts_for_all(self) -> None:
        roots = self.good(self.owner.getquotaroot("Team"))
        self.assertEqual(roots[0], [f"Team {ALICE}".encode()])
        self.assertIn(b"MAILBOX", roots[1][0])


if __name__ == "__main__":
    unittest.main()
