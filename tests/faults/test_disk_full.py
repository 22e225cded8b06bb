"""A disk that is full: senders are told to try again, nothing promised is lost, and it goes on once there is room."""
import os
import pathlib
import subprocess
import tempfile
import time
import unittest

from harness.mail import make_message
from harness.promises import FastPop3, Load, verify
from harness.raw import Wire, stuffed
from harness.server import Server, wait_until

USERS = 8
SIZE = 96 << 20
FILLER = 48 << 20


@unittest.skipUnless(os.geteuid() == 0, "a small file system can only be mounted by root")
class DiskFull(unittest.TestCase):
    def setUp(self) -> None:
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="pabal-disk-"))
        self.addCleanup(self.place.rmdir)

    def mount(self, *command: str) -> None:
        done = subprocess.run(["mount", *command, str(self.place)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            self.skipTest(f"mount {' '.join(command)}: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", str(self.place)], check=True)

    def test_tmpfs(self) -> None:
        self.mount("-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs")
        self.fill_and_free()

    def test_ext4(self) -> None:
        image = tempfile.NamedTemporaryFile(prefix="pabal-disk-")
        self.addCleanup(image.close)
        image.truncate(SIZE)
        subprocess.run(["/sbin/mkfs.ext4", "-q", "-F", "-m", "0", image.name], check=True, capture_output=True)
        self.mount("-o", "loop", image.name)
        self.fill_and_free()

    def send(self, server: Server, number: int) -> int:
        """The code that a message gets."""
        with Wire(server.address, server.ports["smtp"]) as wire:
            wire.expect(220)
            wire.expect(250, "EHLO test.example")
            for line in ("MAIL FROM:<load@sender.example>", f"RCPT TO:<user{number % USERS}@{server.domain}>", "DATA"):
                code, _ = wire.command(line)
                if code >= 400:
                    return code
            wire.send(stuffed(make_message(number, to="x@load.example", size=200_000)))
            return wire.reply()[0]

    def fill_and_free(self) -> None:
        filler = self.place / "filler"
        filler.write_bytes(b"\0" * FILLER)
        with Server(data=self.place / "data", settings='[store]\nsegment_size = "4M"\nspill_at = "64k"\nfile_min = "256k"\n') as server:
            server.add_domain()
            server.add_users(USERS)
            server.start()
            load = Load(server, first=1, seed=7, connections=8, users=USERS, size_from=2_000, size=400_000)
            try:
                wait_until(lambda: " 4" in (load.log.read_text() if load.log.exists() else "") and
                           load.log.read_text().count("refused") >= 200, 120, "the disk is full and senders are refused", 0.1)
                self.assertIsNone(server.process.poll(), server.log_tail())
                # Full: other sessions still read, and still get 4xx.
                box = FastPop3(server, 0)
                count = box.count()
                self.assertGreater(count, 0)
                self.assertEqual(sum(1 for _ in box.messages(count)), count)
                box.quit()
                time.sleep(1)
                tried = load.stop()
            finally:
                load.kill()
            refusals = [line.split(" ", 2)[2] for line in load.log.read_text().splitlines() if line.startswith("refused")]
            self.assertEqual([words for words in refusals if not words.startswith("452 4.3.1")], [])
            for number in range(3):
                self.assertIn(self.send(server, number), (250, 452))
            filler.unlink()
            wait_until(lambda: self.send(server, 100) == 250, 20, f"it takes mail again\n{server.log_tail()}", 0.5)
            # What was sent by hand is known by other means: only what the driver sent is counted.
            verdict = verify(server, tried, USERS)
            wrong = [words for words in verdict.wrong if "that nobody sent" not in words]
            self.assertEqual(wrong, [], verdict.text())
            self.assertGreater(verdict.promised, 50)
            self.assertEqual(server.stop(), 0)
            server.cli("store", "check")
