"""pabal parse: files, standard input, mbox; JSON and the form for people; exit statuses."""
import base64
import json
import pathlib
import struct
import subprocess
import tempfile
import unittest

from harness.server import PABAL

MESSAGE = (b"From: =?utf-8?B?7JWI64WV?= <a@seoul.example>\r\nTo: b@busan.example\r\nSubject: =?utf-8?Q?=ED=8C=8C=EB=B0=9C?=\r\n"
           b"Message-ID: <1@seoul.example>\r\nDate: Thu, 30 Oct 2014 14:12:00 +0900\r\nMIME-Version: 1.0\r\n"
           b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=euc-kr\r\n\r\n"
           b"\xBE\xC8\xB3\xE7\r\n--b\r\nContent-Type: image/png\r\nContent-Disposition: attachment; filename=\"x.png\"\r\n"
           b"Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n")
MBOX = b"From a Mon\nSubject: one\n\n>From here\n\nFrom b Tue\nSubject: two\n\ntext\n"


# RFC 8621 §4.1.4's example: which part is shown where. E is the HTML of B; the letters are the parts' texts.
EXAMPLE = ("mixed", [
    ("text/plain", "inline", "A"),
    ("mixed", [
        ("alternative", [
            ("mixed", [("text/plain", "inline", "B"), ("image/jpeg", "inline", "C"), ("text/plain", "inline", "D")]),
            ("related", [("text/html", "", "E"), ("image/jpeg", "", "F")])]),
        ("image/jpeg", "attachment", "G"),
        ("application/x-excel", "", "H"),
        ("message/rfc822", "", "Subject: J\r\n\r\nJ")]),
    ("text/plain", "inline", "K")])


def written(entity: tuple, boundary: str = "b") -> str:
    """An entity of such a tree: (multipart's subtype, parts) or (type, disposition, body)."""
    if len(entity) == 2:
        parts = "".join(f"--{boundary}\r\n{written(part, boundary + str(i))}\r\n" for i, part in enumerate(entity[1]))
        return f"Content-Type: multipart/{entity[0]}; boundary={boundary}\r\n\r\n{parts}--{boundary}--\r\n"
    kind, disposition, body = entity
    return f"Content-Type: {kind}\r\n" + (f"Content-Disposition: {disposition}\r\n" if disposition else "") + f"\r\n{body}"


def winmail(text: bytes, files: dict[bytes, bytes]) -> bytes:
    """A winmail.dat (MS-OXTNEF): a message's subject, and files."""
    def attribute(level: int, number: int, data: bytes) -> bytes:
        return struct.pack("<BII", level, number, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)
    out = struct.pack("<IH", 0x223E9F78, 1) + attribute(1, 0x00069007, struct.pack("<II", 1252, 0))
    out += attribute(1, 0x00018004, text + b"\0")
    for name, octets in files.items():
        out += attribute(2, 0x00069002, bytes(14)) + attribute(2, 0x00018010, name + b"\0") + attribute(2, 0x0006800F, octets)
    return out


def parse(*words: str, octets: bytes = b"") -> subprocess.CompletedProcess:
    return subprocess.run([PABAL, "parse", *words], input=octets, capture_output=True, check=False)


class Parse(unittest.TestCase):
    def test_a_file_as_json(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "message.eml"
            file.write_bytes(MESSAGE)
            done = parse(str(file), "--json")
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertEqual(done.stdout.count(b"\n"), 1)
        email = json.loads(done.stdout)
        self.assertEqual(email["subject"], "파발")
        self.assertEqual(email["from"], [{"name": "안녕", "email": "a@seoul.example"}])
        self.assertEqual(email["size"], len(MESSAGE))
        self.assertEqual(email["bodyValues"], {"1": {"value": "안녕", "isEncodingProblem": False, "isTruncated": False}})
        self.assertEqual([p["partId"] for p in email["textBody"]], ["1"])
        self.assertEqual([(p["partId"], p["name"], p["size"]) for p in email["attachments"]], [("2", "x.png", 3)])
        self.assertTrue(email["hasAttachment"])
        self.assertEqual(email["header:Subject:asText"], "파발")
        self.assertEqual(email["header:Date:asDate:all"], ["2014-10-30T14:12:00+09:00"])

    def test_standard_input_for_people(self) -> None:
        done = parse("-", octets=MESSAGE)
        self.assertEqual(done.returncode, 0)
        shown = done.stdout.decode()
        for words in ("From:       안녕 <a@seoul.example>", "Subject:    파발", "2  image/png  3 octets  attachment  \"x.png\"",
                      "--- 1 (text/plain)\n안녕\n"):
            self.assertIn(words, shown)

    def test_controls_do_not_reach_the_terminal(self) -> None:
        done = parse("-", octets=b"Subject: \x1b[31mred\r\n\r\n\x1b]0;title\x07text\r\n")
        self.assertNotIn(b"\x1b", done.stdout)
        # C1 (CSI and OSC in one character), and what turns the direction of writing: in a field, a file name, a text, a charset of
        # eight bits.
        commands = [*range(0x00, 0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F),
                    *range(0x2066, 0x206A)]
        mbox = b""
        for code in commands:
            sent = f"a{chr(code)}z".encode()
            word = b"=?utf-8?B?" + base64.b64encode(sent) + b"?="
            name = "".join(f"%{octet:02X}" for octet in sent).encode()
            for charset, body in ((b"utf-8", sent), (b"iso-8859-1", bytes([0x61, code, 0x7A]) if code < 0x100 else b"az")):
                mbox += (b"From x Mon\nSubject: " + word + b"\nFrom: " + word + b" <a@x>\nContent-Type: text/plain; charset=" + charset
                         + b"\nContent-Disposition: inline; filename*=utf-8''" + name + b"\n\n" + body.replace(b"\r", b"") + b"\n\n")
        done = parse("-", "--mbox", octets=mbox)
        self.assertEqual(done.returncode, 0)
        shown = done.stdout.decode()
        self.assertEqual([f"U+{code:04X}" for code in commands if chr(code) in shown], [])
        self.assertEqual(shown.count("==========\n"), 2 * len(commands) - 1)
        kept = "\u00a0\u00e9\u061b\u200d\u2029\u202f\u2065\u206a파발"
        self.assertIn(kept, parse("-", octets=b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + kept.encode()).stdout.decode())

    def test_groups(self) -> None:
        email = json.loads(parse("-", "--json", octets=b"From: a@x\r\nTo: Friends: Ann <ann@x>, bo@y;, c@z, Undisclosed:;\r\n\r\n")
                           .stdout)
        self.assertEqual(email["to"], [{"name": "Ann", "email": "ann@x"}, {"name": None, "email": "bo@y"},
                                       {"name": None, "email": "c@z"}])
        self.assertEqual(email["header:To:asGroupedAddresses"], [
            {"name": "Friends", "addresses": [{"name": "Ann", "email": "ann@x"}, {"name": None, "email": "bo@y"}]},
            {"name": None, "addresses": [{"name": None, "email": "c@z"}]},
            {"name": "Undisclosed", "addresses": []}])

    def test_the_example_of_rfc_8621(self) -> None:
        message = ("Subject: x\r\nMIME-Version: 1.0\r\n" + written(EXAMPLE)).encode()
        email = json.loads(parse("-", "--json", octets=message).stdout)
        leaves: dict[str, str] = {}

        def shape(part: dict) -> object:
            if part["subParts"] is not None and part["type"].startswith("multipart/"):
                return [part["type"].removeprefix("multipart/"), *(shape(child) for child in part["subParts"])]
            leaves[part["partId"]] = "ABCDEFGHJK"[len(leaves)]
            return part["type"]
        self.assertEqual(shape(email["bodyStructure"]), [
            "mixed", "text/plain",
            ["mixed", ["alternative", ["mixed", "text/plain", "image/jpeg", "text/plain"], ["related", "text/html", "image/jpeg"]],
             "image/jpeg", "application/x-excel", "message/rfc822"], "text/plain"])
        for name, expected in (("textBody", "ABCDK"), ("htmlBody", "AEK"), ("attachments", "CFGHJ")):
            self.assertEqual("".join(leaves[part["partId"]] for part in email[name]), expected, name)
        self.assertEqual({leaves[part]: value["value"].strip() for part, value in email["bodyValues"].items()},
                         {letter: letter for letter in "ABDEK"})
        self.assertTrue(email["hasAttachment"])

    def test_a_message_in_a_message_in_a_message(self) -> None:
        inner = "From: c@x\r\nSubject: innermost\r\nContent-Type: text/plain\r\n\r\ndeep\r\n"
        middle = "From: b@x\r\nSubject: middle\r\n" + written(("mixed", [("text/plain", "", "between"), ("message/rfc822", "", inner)]),
                                                                "m")
        outer = "From: a@x\r\nSubject: outer\r\n" + written(("mixed", [("text/plain", "", "top"), ("message/rfc822", "", middle)]), "o")
        for octets, subjects in ((outer, ["outer", "middle", "innermost"]), (middle, ["middle", "innermost"]), (inner, ["innermost"])):
            done = parse("-", "--json", octets=octets.encode())
            email = json.loads(done.stdout)
            # Each is an Email of its own: nothing of what is embedded shows in it but its type and its octets.
            self.assertEqual(email["subject"], subjects[0])
            self.assertEqual(len(email["bodyValues"]), 1)
            embedded = [part for part in email["attachments"] if part["type"] == "message/rfc822"]
            self.assertEqual([part["size"] for part in embedded], [len(middle if octets is outer else inner)] if subjects[1:] else [])

    def test_a_winmail_dat(self) -> None:
        packed = winmail(b"Report", {b"report.pdf": b"%PDF-1.4", b"caf\xe9.txt": b"text"})
        message = (b"Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
                   b"--b\r\nContent-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\n"
                   + base64.encodebytes(packed) + b"\r\n--b--\r\n")
        email = json.loads(parse("-", "--json", octets=message).stdout)
        (attachment,) = email["attachments"]
        self.assertEqual((attachment["type"], attachment["name"], attachment["size"]),
                         ("application/ms-tnef", "winmail.dat", len(packed)))
        self.assertEqual(attachment["tnef"], [{"name": "report.pdf", "type": "application/pdf", "size": 8, "cid": None},
                                              {"name": "café.txt", "type": "text/plain", "size": 4, "cid": None}])
        shown = parse("-", octets=message).stdout.decode()
        self.assertIn("in it  application/pdf  8 octets  \"report.pdf\"", shown)

    def test_an_mbox_is_an_object_a_line(self) -> None:
        done = parse("-", "--mbox", "--json", octets=MBOX)
        self.assertEqual(done.returncode, 0)
        emails = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([e["subject"] for e in emails], ["one", "two"])
        self.assertEqual(emails[0]["bodyValues"]["1"]["value"], "From here\n")
        self.assertIn(b"==========", parse("-", "--mbox", octets=MBOX).stdout)

    def test_exit_statuses(self) -> None:
        missing = parse("/no/such/file")
        self.assertEqual((missing.returncode, missing.stdout), (1, b""))
        self.assertIn(b"/no/such/file", missing.stderr)
        self.assertEqual(parse().returncode, 2)
        self.assertEqual(parse("-", "--no-such-option").returncode, 2)
        self.assertEqual(parse("-", "--json", octets=b"").returncode, 0)


if __name__ == "__main__":
    unittest.main()
