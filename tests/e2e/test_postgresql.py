"""A server whose shard is a PostgreSQL database: the same promises."""
import pathlib
import unittest

from case import ALICE, BOB, ServerCase
from harness.mail import make_message, trace_of
from harness.postgres import Postgres, why_no_postgres
from harness.raw import send_message

BIG = 50 << 20


@unittest.skipIf(why_no_postgres(), why_no_postgres())
class PostgreSql(ServerCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.cluster = Postgres().__enter__()
        cls.addClassCleanup(cls.cluster.__exit__)
        # The upkeep looks at each letter as a whole soon after it has come; that memory is not what is measured here.
        cls.settings = f'[store]\nshards = ["{cls.cluster.database()}"]\nupkeep_every = "1m"\n[smtp]\nmax_message_size = "64M"\n'
        super().setUpClass()

    def letter(self, number: int, recipients: list[str], size: int = 1500) -> bytes:
        message = make_message(number, to=recipients[0], size=min(size, 100_000))
        message += b"".join(b"%060d\r\n" % n for n in range((size - len(message)) // 62))
        with self.smtp() as wire:
            send_message(wire, "a@elsewhere.example", recipients, message)
        return message

    def restart(self) -> None:
        self.assertEqual(self.server.stop(), 0)
        self.server.start()

    def peak_memory_kib(self) -> int:
        status = pathlib.Path(f"/proc/{self.server.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))

    def test_in_out_and_again_after_a_restart(self) -> None:
        message = self.letter(1, [ALICE, BOB])
        for box in (self.alice, self.bob):
            (got,) = box.messages()
            trace_of(self, got, message)
        names = self.alice.uidls()
        self.server.cli("store", "check")
        self.restart()
        self.server.cli("store", "check")
        (got,) = self.alice.messages()
        trace_of(self, got, message)
        self.assertEqual(self.alice.uidls(), names)

    def test_promised_before_a_kill(self) -> None:
        messages = [self.letter(number, [BOB], size=30_000) for number in range(1, 6)]
        self.server.kill()
        self.server.start()
        got = self.bob.messages()
        self.assertEqual(len(got), len(messages))
        for retrieved, original in zip(got, messages):
            trace_of(self, retrieved, original)
        self.server.cli("store", "check")

    def test_a_big_letter_takes_little_memory(self) -> None:
        self.restart()
        self.letter(1, [BOB], size=1_000_000)  # caches and connections
        self.bob.clear()
        before = self.peak_memory_kib()
        message = self.letter(2, [ALICE, BOB], size=BIG)
        arrived = self.peak_memory_kib()
        (got,) = self.bob.messages()
        self.assertTrue(got.endswith(message))
        read = self.peak_memory_kib()
        self.assertLess(arrived - before, 16 << 10, "KiB more to receive 50 MiB")
        self.assertLess(read - arrived, 16 << 10, "KiB more to hand them out")
        self.assertEqual([file.name for file in (self.server.data / "arrivals" / "1").iterdir()], ["lock"])

    def test_the_directory_is_there_too(self) -> None:
        self.assertFalse((self.server.data / "directory.sqlite").exists())
        self.assertIn(ALICE, self.server.cli("account", "list").stdout)


if __name__ == "__main__":
    unittest.main()
