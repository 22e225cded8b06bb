"""James's IMAP scripts from ../shared against the real server; what differs on purpose is listed, with who is right."""
import contextlib
import pathlib
import re
import unittest

from case import DOMAIN, PASSWORD, ServerCase
from harness.imap_wire import ImapWire
from harness.james import JamesPlay
from harness.server import ROOT

JAMES = ROOT.parent / "shared" / "suites" / "imap" / "james-mpt"

# Scripts whose subject is James itself.
NOT_OURS = {
    "SelectedStateSetup": "a part of other scripts", "SelectedStateCleanup": "a part of other scripts",
    "SharedMailbox": "James's namespaces", "Namespace": "James's namespaces",
    "ACLCommandsOnOtherUser": "names another's mailboxes as nobody does any more",
    "CondstoreDisable": "CONDSTORE can't be switched off", "XList": "XLIST came before SPECIAL-USE (RFC 6154), which is here",
    "AuthenticatePlain": "James's AUTHENTICATE takes a mechanism as a string and an initial response as a literal; RFC 9051 §9 has neither",
    "UidSearchAtomsIndexer": "waits for James's indexer",
}
# What others share with the user: whose, which mailbox, by which rights, with how many letters. In the SharingAccess
# scripts each is shared by the rights in its name, and the one with the script's own has letters.
SHARED = ("l", "lr", "lra", "lri", "lrk", "lrs", "lrt", "lrte", "lrw", "lrx")
SHARES = {
    "RenameSharedMailbox": [
        ("boby", "sharedMailbox", "eiklprstwx", 0), ("boby", "sharedMailbox-eilprstwx", "eilprstwx", 0),
        ("boby", "sharedMailbox/child1-eiklprstwx", "eiklprstwx", 10), ("boby", "sharedMailbox/child2-eiklprstw", "eiklprstw", 0),
        ("boby", "otherSharedMailbox", "eiklprstwx", 0), ("boby", "sharedMailbox/child3", "eiklprstwx", 0),
        ("boby", "sharedMailbox/child3/sub1", "eiklprstwx", 0)],
    "ListWithSharedMailbox": [
        ("diana", "sharedMailbox", "lr", 0), ("boby", "sharedMailbox", "lr", 0), ("boby", "sharedMailbox/child", "lr", 0),
        ("boby", "Sent", "lr", 0)],
}
# Mailboxes of the user's own that a script finds.
OWN = {"ListSpecialChar": ("projects &- abc", "&AOk-valuations", "mailbox #17")}
NO_LOGIN = {"Authenticate", "BadTag", "BogusCommand", "Capability", "IllegalTag", "JustTag", "Login", "LoginThreeStrikes", "NoCommand", "NoTag",
            "ValidAuthenticated", "Welcome"}

# Script, what a difference says, who is right and why. All are expressions.
DIFFERENT = (
    (r"ACLCommandsOnOwner", r"LOGIN", "the script logs in a second time"),
    (r"ACLCommandsOnOwner|Rights", r"GETACL|LISTRIGHTS|MYRIGHTS",
     "owners go by their address, the order of the letters is free, c and d are told too, and digits are no rights (RFC 4314 §2)"),
    (r"Metadata", r"wants \\\* METADATA \"", "a name may be an atom"),
    (r"Metadata", r"My new comment across|two lines", "a line end in a quoted string"),
    (r"Metadata", r"GETMETADATA \"?\w+\"?( \(MAXSIZE \d+\))?\n", "each GETMETADATA names entries (RFC 5464 §5)"),
    (r"Metadata", r"GETMETADATA \"INBOX\" \(DEPTH 1\) \(MAXSIZE", "options are one list (RFC 5464 §5)"),
    (r"Metadata", r"MAXSIZE 0", "0 is a number"),
    (r"MetadataWithBinaryData", r"", "a value with line ends is a literal"),
    (r"MetadataWithLimitation", r"AnyValue|a4 SETMETADATA", "our limits are higher"),
    (r"Valid", r"wants \S+ NO .*Command not valid in this state", "BAD is for commands at the wrong time (RFC 9051 §7.1.3)"),
    (r"ValidAuthenticated", r"APPEND mailbox", "before the login there are no literals of messages"),
    (r"BadTag|IllegalTag|JustTag|NoCommand|NoTag|BogusCommand", r"wants \\\* BYE Unknown", "a mistake is answered with BAD; the connection ends after many"),
    (r"Capability", r"SAVEDATE", "what can only be used after the login is announced after it"),
    (r"Fetch", r"FETCH 1:\* \(\)", "the grammar has no empty list of items"),
    (r"Fetch", r"\(BODY\[[\d.]+(?:HEADER|TEXT|MIME)?\]", "a part that isn't there is NIL, and HEADER and TEXT are a message's alone (RFC 9051 §6.4.5.1)"),
    (r"FetchSingleMessage", r"\((?:ALL|FULL|FAST)\)", "a macro stands alone (RFC 9051 §6.4.5)"),
    (r"FetchNILSaveDate", r"SAVEDATE", "we know the date"),
    (r"Fetch(Structure|MultipartBodyStructure)", r"FETCH 1:\* \(BODY|FETCH.*BODYSTRUCTURE", "BODYSTRUCTURE: parameters and dispositions are given as the message has them"),
    (r"Id", r"ID", "ID tells our name; the fields of ID are strings without commas (RFC 2971 §3.3)"),
    (r"Create", r"CREATE //", "NO and BAD are both allowed"),
    (r"Create", r"one&AC4-two|LIST \"\" one|DELETE one", "a printable octet in modified UTF-7 is an error (RFC 3501 §5.1.3)"),
    (r"CreateErrorWithLongName", r"", "names of that length can be given"),
    (r"Delete|ListPercentWildcard", r"HASCHILDREN", "RFC 9051 §6.3.5 allows to refuse it, and names the code"),
    (r"ListPlus", r"MYRIGHTS", "owners have c and d as well (RFC 4314 §2.1.1)"),
    (r"ListNamespace|ListWithSharedMailbox", r"#private", "James's namespaces"),
    (r"ListWithSharedMailbox", r"\"#user\" \"diana", "a reference stands before the pattern as it is (RFC 9051 §6.3.9)"),
    (r"ListWithSharedMailbox", r"\"RETURN", "the grammar has a space there"),
    (r"Quota", r"\) \(STORAGE", "limits are one list (RFC 9208 §4.1.3)"),
    (r"RenameSharedMailbox", r"ownerChild1", "mailboxes stay with their owner"),
    (r"ListSubscribed", r"CHILDINFO", "the order of LIST responses"),
    (r"ListWithPercentWildcard", r"", "wildcards can't be in a new name: LIST would take them for what they are (RFC 9051 §5.1)"),
    (r"MoveNoMSG", r"UID MOVE 1", "UIDs that aren't there are passed over (RFC 9051 §6.4.9)"),
    (r"Rename", r"\"selected\"", "James's tests leave a mailbox behind"),
    (r"Replace", r"REPLACE 1 inbox|UID FETCH 1", "removals are told before arrivals, and \\Seen in a FETCH of its own: both are free (RFC 9051 §7)"),
    (r"RenameInbox", r"UIDNEXT 1", "INBOX keeps counting, so that no UID is given twice (RFC 9051 §2.3.1.1)"),
    (r"PeekMultipartMixedComplex", r"Rhubard", "a byte that is no UTF-8 in the script"),
    (r"ConcurrentExistsResponse", r"STORE 1|CREATE another", "a number that the client has not been told of is an error (RFC 9051 §7.4.1)"),
    (r"ConcurrentExpungeUIDToMSNMapping", r"BODY\[\]", "\\Seen is told in a FETCH of its own"),
    (r"InboxDeleteMessages", r"wants OK DELETE", "the script lacks a tag"),
    (r"(Uid)?Search", r"BODY o\b", "the text of parts is searched, decoded, and not their headers, boundaries and HTML tags (RFC 9051 §6.4.4)"),
    (r"(Uid)?Search", r"SEARCH OR \( ", "the grammar has no space behind a parenthesis"),
    (r"SearchOptionAggregations|SearchAtoms", r"HIGHESTMODSEQ", "MODSEQ was switched on before"),
    (r"SearchOptionSave", r"RETURN \(SAVE\)", "SAVE alone says nothing (RFC 5182 §2.1)"),
    (r"Status", r"DELETED-STORAGE", "it is in units of 1024 octets (RFC 9208 §5.3)"),
    (r"Status", r"RECENT", "how many are recent after they were told of is nobody's promise"),
    (r"UserFlagsSupport", r"APPEND testmailbox", "FLAGS come before the first message that has them is told"),
)


def append(wire: ImapWire, mailbox: str, letters: int) -> None:
    for _ in range(letters):
        wire.good(f"APPEND {mailbox} {{14+}}\r\nSubject: x\r\n\r\n")


@unittest.skipUnless(JAMES.is_dir(), "../shared/suites/imap/james-mpt is not there")
class James(ServerCase):
    # Scripts log in with wrong passwords too, which those of the same address would wait for.
    settings = "[imap]\nliteral_plus = true\nmax_login_failures = 3\n[auth]\nfirst_failure_delay = \"0s\"\n"

    def setUp(self) -> None:  # nobody's mailbox is shared by two scripts
        pass

    def share(self, script: str, user: str) -> dict[str, str]:
        """Others with the mailboxes that they share with the user; their addresses by James's names."""
        shares = SHARES.get(script, [])
        if script.startswith("SharingAccess"):
            own = script.removeprefix("SharingAccess").lower()
            shares = [("boby", f"mailbox-{rights}", rights, 10 if rights == own else 0) for rights in SHARED]
            with self.wire_of(user) as wire:
                append(wire, "INBOX", 1)
        others = {name: f"{name}-{script.lower()}@{DOMAIN}" for name, *_ in shares}
        for name, address in others.items():
            self.server.add_account(address)
            with self.wire_of(address) as wire:
                for whose, mailbox, rights, letters in shares:
                    if whose == name:
                        wire.ask(f"CREATE {mailbox}")
                        wire.good(f"SETACL {mailbox} {user} {rights}")
                        append(wire, mailbox, letters)
        return others

    @contextlib.contextmanager
    def wire_of(self, user: str):
        wire = ImapWire(self.server.address, self.server.ports["imap"])
        try:
            wire.response()
            wire.good(f'LOGIN "{user}" "{PASSWORD}"')
            yield wire
        finally:
            wire.close()

    def play(self, script: pathlib.Path) -> None:
        if why := NOT_OURS.get(script.stem):
            self.skipTest(why)
        user = f"{script.stem.lower()}@{DOMAIN}"
        self.server.add_account(user)
        others = self.share(script.stem, user)
        play = JamesPlay(self.server.address, self.server.ports["imap"], user, PASSWORD, others=others)
        self.addCleanup(play.close)
        first = play.wire("preparing", True)
        for name in ("Archive", "Drafts", "Junk", "Sent", "Trash"):
            first.good(f"UNSUBSCRIBE {name}")
            first.good(f"DELETE {name}")
        for name in OWN.get(script.stem, ()):
            first.good(f'CREATE "{name}"')
        if script.stem == "Quota":
            self.server.cli("account", "quota", user, "5G", "--messages", "7")
            append(first, "INBOX", 4)
        text = script.read_text()
        selects = re.search(r"(?i)^C: \S+ (SELECT|EXAMINE)", text, re.M)
        works = re.search(r"(?i)^C: \S+ (FETCH|STORE|SEARCH|UID|EXPUNGE|CHECK|COPY|MOVE)\b", text, re.M)
        if script.stem not in NO_LOGIN and not script.stem.startswith("Valid") and "CREATE selected" not in text and (
                script.stem in ("Copy", "Uid") or re.search(r"^C: .*\bselected\b", text, re.M) or (works and not selects)):
            play.play(JAMES / "SelectedStateSetup.test", True)
        play.play(script, script.stem not in NO_LOGIN)
        left = [words for words in play.differences if not any(
            re.match(name, script.stem) and re.search(what, words) for name, what, _ in DIFFERENT)]
        self.assertEqual(left, [], "\n" + "\n".join(left))


def add_tests() -> None:
    for script in sorted(JAMES.glob("*.test")) if JAMES.is_dir() else ():
        def test(self, script: pathlib.Path = script) -> None:
            self.play(script)
        setattr(James, f"test_{script.stem}", test)


add_tests()
