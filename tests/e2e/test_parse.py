"""pabal parse: files, standard input, mbox; JSON and the form for people; exit statuses."""
import json
import pathlib
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
