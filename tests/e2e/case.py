"""What the end-to-end tests share: one server a class, with two people at home."""
import subprocess
import sys
import pathlib
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from harness.mail import Mailbox
from harness.raw import Wire
from harness.server import PASSWORD, Server

DOMAIN = "seoul.example"
ALICE = f"alice@{DOMAIN}"
BOB = f"bob@{DOMAIN}"


class ServerCase(unittest.TestCase):
    """A class whose tests share a server at seoul.example; mailboxes are emptied before each test."""
    settings = ""
    limits: dict[str, object] = {}
    proxy = False
    server: Server

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = Server(domain=DOMAIN, hostname="mail.seoul.example", settings=cls.settings, limits=cls.limits,
                            proxy=cls.proxy)
        try:
            cls.server.add_domain()
            for address in (ALICE, BOB):
                cls.server.add_account(address)
            cls.server.start()
        except BaseException:
            cls.server.__exit__()
            raise

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.close()

    def setUp(self) -> None:
        self.alice = Mailbox(self.server, ALICE)
        self.bob = Mailbox(self.server, BOB)
        if self.server.process is not None and self.server.process.poll() is not None:
            self.server.process = None
            self.server.start()
            self.fail("the server had ended before this test")
        for box in (self.alice, self.bob):
            box.clear()

    def wire(self, listener: str = "smtp", **more: object) -> Wire:
        """A raw connection whose greeting was read."""
        wire = Wire(self.server.address, self.server.ports[listener], **more)
        self.addCleanup(wire.socket.close)
        return wire

    def smtp(self, listener: str = "smtp", **more: object) -> Wire:
        wire = self.wire(listener, **more)
        wire.expect(220)
        wire.expect(250, "LHLO test.example" if listener == "lmtp" else "EHLO test.example")
        return wire

    def program(self, *command: str | pathlib.Path, input_text: str | bytes = b"", status: int = 0, seconds: float = 60,
                **more: object) -> str:
        """Runs a client; it must end with this status. Its output."""
        octets = input_text.encode() if isinstance(input_text, str) else input_text
        done = subprocess.run([str(word) for word in command], input=octets, capture_output=True, timeout=seconds, check=False,
                              **more)
        output = (done.stdout + done.stderr).decode(errors="replace")
        self.assertEqual(done.returncode, status, f"{' '.join(map(str, command))}\n{output}\n{self.server.log_tail()}")
        return output


__all__ = ["ALICE", "BOB", "DOMAIN", "PASSWORD", "Mailbox", "Server", "ServerCase", "Wire"]
