"""Dialogue scripts against the real server: tests/dialogues/*.txt, and chasquid's where ../shared has them.

A script of ours has lines:
    @ smtp          connect to this listener ("tls" behind it: TLS from the first octet)
    C: text         send this and CRLF; "C:" alone is an empty line
    S: text         the next line must begin with this; "…" stands for anything
    S:* text        skip lines up to one that begins with this (what an EHLO reply needs)
    TLS             shake hands
    CLOSED          the server must have closed
    # words         a comment
The people of the scripts are alice@seoul.example and bob@seoul.example, password "secret"."""
import ast
import base64
import pathlib
import re
import unittest

from case import DOMAIN, Mailbox, ServerCase
from harness.raw import Wire
from harness.server import ROOT

OURS = ROOT / "tests" / "dialogues"
CHASQUID = ROOT.parent / "shared" / "suites" / "smtp" / "chasquid-dialogs"


class Ours(ServerCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        for name in ("alice", "bob"):
            cls.server.cli("account", "passwd", f"{name}@{DOMAIN}", "--password-stdin", input_text="secret\n")

    def setUp(self) -> None:
        self.alice = Mailbox(self.server, f"alice@{DOMAIN}", "secret")
        self.alice.clear()
        Mailbox(self.server, f"bob@{DOMAIN}", "secret").clear()

    def play(self, script: pathlib.Path) -> None:
        wire: Wire | None = None
        for number, line in enumerate(script.read_text().splitlines(), 1):
            where = f"{script.name}:{number}: {line}"
            if not line.strip() or line.startswith("#"):
                continue
            if line.startswith("@"):
                _, listener, *more = line.split()
                wire = Wire(self.server.address, self.server.ports[listener], implicit_tls="tls" in more, timeout=20)
                self.addCleanup(wire.socket.close)
                continue
            self.assertIsNotNone(wire, where)
            if line == "TLS":
                wire.start_tls()
            elif line == "CLOSED":
                self.assertEqual(wire.rest(), b"", where)
            elif line.startswith("C:"):
                wire.send(line[2:].removeprefix(" ").encode() + b"\r\n")
            elif line.startswith("S:*"):
                pattern = self.pattern(line[3:])
                while not re.match(pattern, got := wire.line().decode()):
                    self.assertNotRegex(got, r"^\d\d\d ", where)
            elif line.startswith("S:"):
                self.assertRegex(wire.line().decode(), self.pattern(line[2:]), where)
            else:
                self.fail(f"{where}: what is this?")

    @staticmethod
    def pattern(words: str) -> str:
        return "^" + ".*".join(re.escape(part) for part in words.removeprefix(" ").split("…"))


# Where a reply of ours differs on purpose, by script and the words that were sent before it.
DIFFERENT = {
    ("bad_data.cmy", "554"): "a message is not refused for a header line that isn't one: readers cope, mail gets through",
    ("auth_too_many_failures.cmy", "421"): "the limit of errors is a setting, and higher",
}


@unittest.skipUnless(CHASQUID.is_dir(), "../shared/suites/smtp/chasquid-dialogs is not there")
class Chasquid(ServerCase):
    """Their words are theirs: what must agree is the reply's first digit."""
    settings = '[smtp]\nmax_message_size = "1M"\n'

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.server.add_domain("testserver.example")
        cls.server.add_account("user@testserver.example", "secretpassword")

    @staticmethod
    def ours(line: str) -> str:
        """The same with our test's domain, also inside base64."""
        if re.fullmatch(r"[A-Za-z0-9+/]{16,}=*", line):
            return base64.b64encode(base64.b64decode(line).replace(b"testserver", b"testserver.example")).decode()
        # A space behind the colon and a path without brackets are refused here (RFC 5321 §4.1.2).
        line = re.sub(r"^(MAIL FROM|RCPT TO): (<.*>|\S+@\S+)$", lambda m: f"{m[1]}:<{m[2].strip('<>')}>", line)
        return line.replace("@testserver", "@testserver.example")

    def play(self, script: pathlib.Path) -> None:
        wire: Wire | None = None
        for number, line in enumerate(script.read_text().splitlines(), 1):
            where = f"{script.name}:{number}: {line}"
            if not line.startswith("c "):
                continue
            word, _, rest = line[2:].partition(" ")
            if word == "tcp_connect":
                wire = self.wire("smtp")
            elif word == "tls_connect":
                wire = self.wire("submissions", implicit_tls=True)
            elif word == "close":
                wire.socket.close()
            elif word == "->":
                wire.send(self.ours(rest).encode() + b"\r\n")
            elif word == "~>":
                wire.send(self.value(ast.parse(rest, mode="eval").body).encode())
            elif word in ("<~", "<-", "<..."):
                try:
                    code, words = wire.reply()
                except (EOFError, OSError):
                    # Whoever talks nonsense may also be hung up on.
                    self.assertIn(rest[0], "45", where)
                    return
                if any(script.name == name and rest.startswith(begin) for name, begin in DIFFERENT):
                    continue
                self.assertEqual(str(code)[0], rest[0], f"{where}: {code} {words}")
            else:
                self.fail(f"{where}: what is this?")

    @classmethod
    def value(cls, node: ast.expr) -> str:
        """The little arithmetic with texts that their scripts use."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return cls.value(node.left) + cls.value(node.right)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) and isinstance(node.right, ast.Constant):
            return cls.value(node.left) * node.right.value
        raise ValueError(ast.dump(node))


def add_tests(case: type, folder: pathlib.Path, pattern: str) -> None:
    """A test for each script, so that each is counted and named."""
    for script in sorted(folder.glob(pattern)):
        def test(self, script: pathlib.Path = script) -> None:
            self.play(script)
        setattr(case, "test_" + re.sub(r"\W", "_", script.stem), test)


add_tests(Ours, OURS, "*.txt")
add_tests(Chasquid, CHASQUID, "*.cmy")
