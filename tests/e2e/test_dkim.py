"""pabal dkim sign, pabal dkim verify, pabal arc sign: with keys of openssl's making, a name server, and the ARC suite."""
import concurrent.futures
import json
import pathlib
import re
import subprocess
import tempfile
import unittest

from harness.name_server import SERVFAIL, NameServer, Zone
from harness.server import PABAL, ROOT

SUITE = ROOT.parent / "shared" / "suites" / "arc"
LETTER = (b"From: Alice <alice@seoul.example>\r\nTo: bob@busan.example\r\nSubject: a  folded\r\n\tsubject\r\n"
          b"Date: Sun, 22 Nov 2026 10:00:00 +0000\r\n\r\nHello  Bob \r\n\r\n")


def run(*arguments: str, letter: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([PABAL, *arguments], input=letter, capture_output=True, timeout=60, check=False)


def relaxed(value: str) -> str:
    """A field's value as its relaxed form has it, its b= without white space."""
    flat = " ".join(value.split())
    return re.sub(r"(^|; )b=([^;]*)", lambda m: m[1] + "b=" + m[2].replace(" ", ""), flat)


def fields_of(octets: bytes, name: str) -> list[str]:
    head = octets.replace(b"\r\n", b"\n").partition(b"\n\n")[0].decode()
    return [match[1] for match in re.finditer(rf"(?im)^{name}:((?:.*)(?:\n[ \t].*)*)", head)]


class SuiteTest(unittest.TestCase):
    """ARC's suite through the program: what is sealed is as it says, chains stand as it says."""

    def setUp(self) -> None:
        try:
            import yaml
        except ImportError:
            self.skipTest("python3-yaml is not here")
        if not SUITE.exists():
            self.skipTest("the suite isn't beside the project")
        self.load = lambda name: [one for one in yaml.safe_load_all((SUITE / name).read_text(encoding="utf-8")) if one]
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def server(self, scenario: dict) -> NameServer:
        zone = Zone()
        for name, text in scenario["txt-records"].items():
            zone.add(name, "TXT", text.replace("\n", ""))
        server = NameServer(zone)
        self.addCleanup(server.close)
        return server

    def test_validation(self) -> None:
        count = 0
        for scenario in self.load("arc-validation-subset.yml"):
            server = self.server(scenario)

            def check(case: tuple[str, dict]) -> tuple[str, str, str]:
                done = run("dkim", "verify", "-", "--json", "--dns-server", server.address, letter=case[1]["message"].encode())
                return case[0], case[1]["cv"].lower(), json.loads(done.stdout)["arc"]["cv"]

            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                for name, wanted, cv in pool.map(check, scenario["tests"].items()):
                    self.assertEqual(wanted, cv, name)
                    count += 1
        self.assertEqual(16, count)

    def test_sealing(self) -> None:
        count = 0
        for scenario in self.load("arc-draft-sign-tests.yml"):
            server = self.server(scenario)
            key = self.folder / "key.pem"
            key.write_text(scenario["privatekey"])
            for name, case in scenario["tests"].items():
                done = run("arc", "sign", "-", "--key", str(key), "--selector", scenario["sel"], "--domain", scenario["domain"],
                           "--authserv-id", case["srv-id"], "--headers", case["sig-headers"], "--at", str(case["t"]),
                           "--dns-server", server.address, letter=case["message"].encode())
                count += 1
                if not case["AS"].strip():
                    self.assertEqual((1, b""), (done.returncode, done.stdout), name)
                    continue
                self.assertEqual((0, b""), (done.returncode, done.stderr), name)
                self.assertTrue(done.stdout.endswith(case["message"].encode()), name)
                for field, short in (("ARC-Seal", "AS"), ("ARC-Message-Signature", "AMS"), ("ARC-Authentication-Results", "AAR")):
                    self.assertEqual(relaxed(case[short]), relaxed(fields_of(done.stdout, field)[0]), (name, field))
        self.assertEqual(17, count)


class CommandTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        zone = Zone()
        for name, arguments in (("rsa", ["genrsa", "-out", "rsa.pem", "2048"]), ("ed", ["genpkey", "-algorithm", "ed25519", "-out", "ed.pem"])):
            subprocess.run(["openssl", *arguments], cwd=cls.folder, check=True, capture_output=True)
            der = subprocess.run(["openssl", "pkey", "-in", f"{name}.pem", "-pubout", "-outform", "DER"], cwd=cls.folder, check=True, capture_output=True).stdout
            if name == "ed":
                der = der[-32:]
            base64 = subprocess.run(["openssl", "base64", "-A"], input=der, check=True, capture_output=True).stdout.decode()
            zone.add(f"{name}._domainkey.seoul.example", "TXT", f"v=DKIM1; k={'ed25519' if name == 'ed' else 'rsa'}; p={base64}")
        zone.fail("failing._domainkey.seoul.example", SERVFAIL)
        cls.server = NameServer(zone)
        cls.addClassCleanup(cls.server.close)

    def sign(self, *more: str, letter: bytes = LETTER, selector: str = "rsa") -> bytes:
        done = run("dkim", "sign", "-", "--key", str(self.folder / "rsa.pem"), "--selector", selector, "--domain", "seoul.example", *more, letter=letter)
        self.assertEqual((0, b""), (done.returncode, done.stderr))
        return done.stdout

    def verify(self, letter: bytes, *more: str) -> dict:
        done = run("dkim", "verify", "-", "--json", "--dns-server", self.server.address, *more, letter=letter)
        outcome = json.loads(done.stdout)
        self.assertEqual(outcome["result"] == "pass", done.returncode == 0)
        return outcome

    def test_both_algorithms(self) -> None:
        signed = self.sign("--key", str(self.folder / "ed.pem"), "--selector", "ed", "--at", "1795000000")
        self.assertTrue(signed.endswith(LETTER))
        outcome = self.verify(signed)
        self.assertEqual([("pass", "seoul.example", "rsa", "rsa-sha256"), ("pass", "seoul.example", "ed", "ed25519-sha256")],
                         [tuple(one[key] for key in ("result", "domain", "selector", "algorithm")) for one in outcome["dkim"]])
        self.assertEqual("none", outcome["arc"]["cv"])
        tags = [tag.strip().split("=")[0] for tag in fields_of(signed, "DKIM-Signature")[0].split(";")]
        self.assertEqual(sorted(tags), tags)
        self.assertEqual(["fail"] * 2, [one["result"] for one in self.verify(signed.replace(b"Hello", b"Hallo"))["dkim"]])

    def test_every_form(self) -> None:
        for forms in ("simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed"):
            signed = self.sign("--canonicalization", forms, "--headers", "From:To:Subject:From")
            self.assertIn(f"c={forms}", " ".join(fields_of(signed, "DKIM-Signature")))
            self.assertIn("h=From:To:Subject:From;", " ".join(fields_of(signed, "DKIM-Signature")))
            self.assertEqual("pass", self.verify(signed)["result"], forms)
            again = self.verify(b"From: eve@busan.example\r\n" + signed)
            self.assertEqual("fail", again["result"], forms)

    def test_lines_with_lf(self) -> None:
        bare = LETTER.replace(b"\r\n", b"\n")
        signed = self.sign(letter=bare)
        self.assertNotIn(b"\r", signed)
        self.assertEqual("pass", self.verify(signed)["result"])
        self.assertEqual("pass", self.verify(signed.replace(b"\n", b"\r\n"))["result"])

    def test_times(self) -> None:
        signed = self.sign("--at", "1000", "--expire", "60", "--identity", "alice@seoul.example")
        self.assertIn("x=1060", " ".join(fields_of(signed, "DKIM-Signature")))
        self.assertEqual("pass", self.verify(signed, "--at", "1060")["result"])
        late = self.verify(signed, "--at", "1061")
        self.assertEqual("fail", late["result"])
        self.assertIn("ended", late["dkim"][0]["reason"])

    def test_keys_that_are_not_there(self) -> None:
        self.assertEqual("permerror", self.verify(self.sign(selector="missing"))["result"])
        self.assertEqual("temperror", self.verify(self.sign(selector="failing"))["result"])
        self.assertEqual("none", self.verify(LETTER)["result"])

    def test_for_people(self) -> None:
        done = run("dkim", "verify", "-", "--dns-server", self.server.address, letter=self.sign())
        for words in ("DKIM signature 1 of 1: pass", "rsa._domainkey.seoul.example TXT: v=DKIM1;", "signed this with a key of 2048 bits", "ARC: none"):
            self.assertIn(words, done.stdout.decode())

    def test_a_chain(self) -> None:
        """Each seals what the one before made; the second tells no arc= and so looks at the chain itself."""
        letter = b"Authentication-Results: mx.seoul.example; arc=none; dkim=pass header.d=a.example\r\n" + LETTER
        for step in (1, 2):
            done = run("arc", "sign", "-", "--key", str(self.folder / "rsa.pem"), "--selector", "rsa", "--domain", "seoul.example",
                       "--authserv-id", "mx.seoul.example" if step == 1 else "other.example", "--dns-server", self.server.address, letter=letter)
            self.assertEqual((0, b""), (done.returncode, done.stderr))
            letter = done.stdout
        outcome = self.verify(letter)["arc"]
        self.assertEqual(("pass", 2, 0), (outcome["cv"], len(outcome["sets"]), outcome["oldest_pass"]))
        self.assertEqual("other.example; arc=pass", outcome["sets"][1]["results"])
        self.assertEqual("fail", self.verify(letter.replace(b"Hello", b"Hallo"))["arc"]["cv"])

    def test_usage(self) -> None:
        self.assertEqual(2, run("dkim", "sign", "-").returncode)
        self.assertEqual(2, run("dkim", "sign", "-", "--key", "a", "--selector", "s", "--domain", "d", "--canonicalization", "nofws").returncode)
        self.assertEqual(2, run("dkim", "verify", "-", "--at", "noon").returncode)
        missing = run("dkim", "sign", "-", "--key", "/nowhere.pem", "--selector", "s", "--domain", "d", letter=LETTER)
        self.assertEqual(1, missing.returncode)
        self.assertIn(b"/nowhere.pem", missing.stderr)
        nobody = run("dkim", "sign", "-", "--key", str(self.folder / "rsa.pem"), "--selector", "s", "--domain", "d.example", letter=b"To: b\r\n\r\nx")
        self.assertEqual((1, b""), (nobody.returncode, nobody.stdout))
        self.assertIn(b"no From", nobody.stderr)


if __name__ == "__main__":
    unittest.main()
