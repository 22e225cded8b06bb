"""Thunderbird sets an account up, lists, reads, searches, moves, flags and files, and hears what others do meanwhile; looked at
from the server's side as well."""
import base64
import re
import shutil
import unittest

from case import ALICE, BOB, PASSWORD
from harness.mail import make_message, trace_of
from harness.raw import send_message
from harness.thunderbird import Thunderbird
from relay_case import RelayCase
from test_imap import ImapCase

SET_UP = """
const [host, port, user, password] = given;
const server = MailServices.accounts.createIncomingServer(user, host, "imap");
server.port = port;
server.socketType = Ci.nsMsgSocketType.plain;
server.authMethod = Ci.nsMsgAuthMethod.passwordCleartext;
server.password = password;
server.valid = true;
const identity = MailServices.accounts.createIdentity();
identity.email = user;
identity.valid = true;
const account = MailServices.accounts.createAccount();
account.addIdentity(identity);
account.incomingServer = server;
MailServices.accounts.defaultAccount = account;
server.performExpand(null);
await until(() => folder("INBOX") && folder("Trash"));
return root().subFolders.map((one) => [one.name, one.flags]);
"""
LIST = """
folder("INBOX").updateFolder(null);
await until(() => [...folder("INBOX").messages].length == given[0]);
return [...folder("INBOX").messages].map((one) => [one.mime2DecodedSubject, one.author, one.messageSize, one.isRead]);
"""
READ = """
const uri = folder("INBOX").getUriForMsg(letter(folder("INBOX"), given[0]));
const octets = await new Promise((good, bad) => {
  let text = "";
  const listener = {
    QueryInterface: ChromeUtils.generateQI(["nsIStreamListener"]),
    onStartRequest() {},
    onDataAvailable(request, stream, offset, count) {
      const reader = Cc["@mozilla.org/binaryinputstream;1"].createInstance(Ci.nsIBinaryInputStream);
      reader.setInputStream(stream);
      text += reader.readBytes(count);
    },
    onStopRequest(request, status) { status ? bad(new Error("status " + status)) : good(text); },
  };
  MailServices.messageServiceFromURI(uri).streamMessage(uri, listener, null, null, false, "", false);
});
folder("INBOX").markMessagesRead([letter(folder("INBOX"), given[0])], true);
return btoa(octets);
"""
SEARCH = """
const session = Cc["@mozilla.org/messenger/searchSession;1"].createInstance(Ci.nsIMsgSearchSession);
session.addScopeTerm(Ci.nsMsgSearchScope.onlineMail, folder("INBOX"));
const term = session.createTerm();
term.attrib = Ci.nsMsgSearchAttrib[given[0]];
term.op = Ci.nsMsgSearchOp.Contains;
const value = term.value;
value.attrib = term.attrib;
value.str = given[1];
term.value = value;
session.appendTerm(term);
const hits = [];
await new Promise((over) => {
  session.registerListener({
    QueryInterface: ChromeUtils.generateQI(["nsIMsgSearchNotify"]),
    onNewSearch() {},
    onSearchHit(header) { hits.push(header.mime2DecodedSubject); },
    onSearchDone() { over(); },
  });
  session.search(null);
});
return hits.sort();
"""
TRANSFER = """
const [subject, to, moves] = given;
await new Promise((good, bad) => MailServices.copy.copyMessages(folder("INBOX"), [letter(folder("INBOX"), subject)], folder(to), moves, {
  QueryInterface: ChromeUtils.generateQI(["nsIMsgCopyServiceListener"]),
  onStartCopy() {},
  onProgress() {},
  setMessageKey() {},
  getMessageId() { return ""; },
  onStopCopy(status) { status ? bad(new Error("status " + status)) : good(); },
}, null, false));
"""
FLAG = 'folder("INBOX").markMessagesFlagged([letter(folder("INBOX"), given[0])], true);'
CREATE = """
root().createSubfolder(given[0], null);
await until(() => folder(given[0]));
"""
HEAR = """
folder("INBOX").updateFolder(null);
await until(() => letter(folder("INBOX"), given[0]) && !letter(folder("INBOX"), given[1]) && letter(folder("INBOX"), given[2]).isFlagged);
"""

SUBMIT = """
const [host, port, user, password, to, subject, body] = given;
const server = MailServices.outgoingServer.createServer("smtp");
const smtp = server.QueryInterface(Ci.nsISmtpServer);
smtp.hostname = host;
smtp.port = port;
server.socketType = Ci.nsMsgSocketType.plain;
server.authMethod = Ci.nsMsgAuthMethod.passwordCleartext;
server.username = user;
server.password = password;
MailServices.outgoingServer.defaultServer = server;
const identity = MailServices.accounts.defaultAccount.defaultIdentity;
identity.smtpServerKey = server.key;
identity.doFcc = false;
identity.composeHtml = false;
const fields = Cc["@mozilla.org/messengercompose/composefields;1"].createInstance(Ci.nsIMsgCompFields);
fields.from = user;
fields.to = to;
fields.subject = subject;
const sender = Cc["@mozilla.org/messengercompose/send;1"].createInstance(Ci.nsIMsgSend);
await new Promise((good, bad) => {
  const listener = {
    QueryInterface: ChromeUtils.generateQI(["nsIMsgSendListener"]),
    onStartSending() {},
    onProgress() {},
    onSendProgress() {},
    onStatus() {},
    onStopSending(id, status, message) { status ? bad(new Error("status " + status + " " + message)) : good(); },
    onGetDraftFolderURI() {},
    onSendNotPerformed() { bad(new Error("not performed")); },
    onTransportSecurityError() { bad(new Error("security")); },
  };
  sender.createAndSendMessage(null, identity, "", fields, false, false, Ci.nsIMsgSend.nsMsgDeliverNow, null, "text/plain", body,
                              null, null, listener, password, "", Ci.nsIMsgCompType.New);
});
"""


@unittest.skipUnless(shutil.which("thunderbird"), "thunderbird is not installed")
class ThunderbirdSubmits(RelayCase):
    def test_a_letter_for_elsewhere(self) -> None:
        """Alice writes to Bob with Thunderbird; her server carries it to his."""
        self.open("seoul", "busan")
        seoul = self.servers["seoul"]
        bird = Thunderbird()
        self.addCleanup(bird.close)
        bird.run(SET_UP, seoul.address, seoul.ports["imap"], "alice@seoul.example", PASSWORD)
        bird.run(SUBMIT, seoul.address, seoul.ports["submission"], "alice@seoul.example", PASSWORD, "bob@busan.example", "from a bird",
                 "Dear Bob,\r\n.\r\nthe line above is a dot.\r\n한글\r\n")
        bob = self.mailbox("busan")
        self.wait(lambda: bob.count() == 1, "Bob has it")
        (letter,) = bob.messages()
        self.assertIn(b"Subject: from a bird", letter)
        self.assertIn(b"User-Agent: Mozilla Thunderbird", letter)
        self.assertIn(b"with ESMTPA", letter, "she has logged in at her server")
        self.wait(lambda: self.queue() == [], "the queue is empty")


@unittest.skipUnless(shutil.which("thunderbird"), "thunderbird is not installed")
class ThunderbirdOverImap(ImapCase):
    def commands(self) -> dict[str, float]:
        """How often each command has come, by the server's own count."""
        found = {}
        for name, value in self.server.metrics().items():
            if name.startswith("pabal_imap_commands_total") and (verb := re.search(r'="([^"]+)"', name)):
                found[verb[1].upper()] = value
        return found

    def inbox(self, number: int) -> tuple[bytes, bytes]:
        """Octets and flags."""
        client = self.login()
        self.good(client.select("INBOX", readonly=True))
        (head, octets), rest = self.good(client.fetch(str(number), "(UID FLAGS BODY.PEEK[])"))
        return octets, head + rest

    def test_a_day_with_thunderbird(self) -> None:
        sent = [make_message(number, to=ALICE, sender=BOB, size=number * 3000) for number in range(1, 6)]
        with self.smtp() as wire:
            for message in sent:
                send_message(wire, BOB, [ALICE], message)
        before = self.commands()
        bird = Thunderbird()
        self.addCleanup(bird.close)
        folders = dict(bird.run(SET_UP, self.server.address, self.server.ports["imap"], ALICE, PASSWORD))
        self.assertLessEqual({"Archive", "Drafts", "Junk", "Sent", "Trash"}, set(folders))
        for name, flag in (("Trash", 0x100), ("Sent", 0x200), ("Drafts", 0x400), ("Archive", 0x4000), ("Junk", 0x40000000)):
            self.assertTrue(folders[name] & flag, f"{name} is not known by its use: {folders}")
        listed = bird.run(LIST, 5)
        self.assertEqual([(subject, author) for subject, author, _, _ in listed],
                         [(f"message {number}", f"<{BOB}>") for number in range(1, 6)])
        self.assertEqual([read for *_, read in listed], [False] * 5)
        octets = base64.b64decode(bird.run(READ, "message 2")).replace(b"\r\n", b"\n")
        self.assertTrue(octets.endswith(sent[1].replace(b"\r\n", b"\n")), octets[-300:])
        self.assertEqual(bird.run(SEARCH, "Subject", "message 3"), ["message 3"])
        self.assertEqual(bird.run(SEARCH, "Body", "line that begins with a dot"), [f"message {n}" for n in range(1, 6)])
        bird.run(FLAG, "message 1")
        bird.run(TRANSFER, "message 4", "Archive", True)
        bird.run(CREATE, "Kept")
        bird.run(TRANSFER, "message 5", "Kept", False)
        # Another client's changes.
        client = self.login()
        self.good(client.select("INBOX"))
        self.good(client.store("3", "+FLAGS", "\\Flagged"))
        self.good(client.store("4", "+FLAGS", "\\Deleted"))
        self.good(client.expunge())
        with self.smtp() as wire:
            send_message(wire, BOB, [ALICE], make_message(6, to=ALICE, sender=BOB))
        bird.run(HEAR, "message 6", "message 5", "message 3")
        bird.close()
        # What is there in the end, and how it came about.
        for number, (message, flags) in enumerate(((sent[0], [b"\\Flagged"]), (sent[1], [b"\\Seen"]), (sent[2], [b"\\Flagged"])), 1):
            octets, head = self.inbox(number)
            trace_of(self, octets, message)
            for flag in flags:
                self.assertIn(flag, head)
        for mailbox, message in (("Archive", sent[3]), ("Kept", sent[4])):
            self.assertEqual(self.good(client.select(mailbox, readonly=True)), [b"1"])
            trace_of(self, self.good(client.fetch("1", "(BODY.PEEK[])"))[0][1], message)
        after = self.commands()
        for verb in ("LIST", "SELECT", "FETCH", "SEARCH", "MOVE", "COPY", "CREATE", "STORE", "ID"):
            self.assertGreater(after.get(verb, 0), before.get(verb, 0), f"{verb} never came: {after}")
