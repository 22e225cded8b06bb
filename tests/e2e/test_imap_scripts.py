"""Scripted IMAP tests with several connections (ImapTest's format): ours in tests/imap_scripts, and the public sample where
../shared has it. PABAL_IMAPTEST=FOLDER plays another folder of them in the sample's place."""
import os
import pathlib
import re
import unittest

from case import ALICE, BOB, PASSWORD, ServerCase
from harness.imap_play import Play, Skipped
from harness.imap_script import read_script
from harness.server import ROOT

SAMPLE = pathlib.Path(os.environ.get("PABAL_IMAPTEST", ROOT.parent / "shared" / "suites" / "imap" / "imaptest-sample"))
NO_SCRIPTS = (".mbox", ".md", ".MIT")

# What differs on purpose: (script, the beginning of what was found): who is right and why.
DIFFERENT: dict[tuple[str, str], str] = {}


class Scripts(ServerCase):
    def play(self, path: pathlib.Path) -> None:
        try:
            wrong = Play(read_script(path), self.server.address, self.server.ports["imap"], [(ALICE, PASSWORD), (BOB, PASSWORD)]).run()
        except Skipped as why:
            self.skipTest(str(why))
        wrong = [one for one in wrong if not any(path.name == name and one.startswith(begin) for name, begin in DIFFERENT)]
        self.assertEqual(wrong, [], "\n" + "\n".join(wrong))


def add_tests(case: type, folder: pathlib.Path) -> None:
    for script in sorted(folder.iterdir() if folder.is_dir() else ()):
        if script.is_file() and not script.name.endswith(NO_SCRIPTS):
            def test(self, script: pathlib.Path = script) -> None:
                self.play(script)
            setattr(case, "test_" + re.sub(r"\W", "_", script.name), test)


class Ours(Scripts):
    pass


@unittest.skipUnless(SAMPLE.is_dir(), f"{SAMPLE} is not there")
class Sample(Scripts):
    pass


add_tests(Ours, ROOT / "tests" / "imap_scripts")
add_tests(Sample, SAMPLE)
