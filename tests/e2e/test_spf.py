"""pabal spf: the public suite and odd answers of a real name server, the form for people, exit statuses."""
import concurrent.futures
import json
import pathlib
import subprocess
import unittest

from harness.name_server import NXDOMAIN, REFUSED, SERVFAIL, NameServer, Zone
from harness.server import PABAL, ROOT

SUITE = ROOT.parent / "shared" / "suites" / "spf" / "rfc7208-tests.yml"


def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([PABAL, "spf", *arguments], capture_output=True, timeout=60, check=False)


def zone_of(data: dict[str, list]) -> Zone:
    """A scenario's zone: records of the old type SPF are TXT records where there is none; names that time out fail."""
    zone = Zone()
    for name, entries in data.items():
        records = [(kind, value) for entry in entries if isinstance(entry, dict) for kind, value in entry.items()]
        present = {kind for kind, value in records if value != "NONE"} - {"SPF"}
        if "SPF" in dict(records) and "TXT" not in dict(records):
            records = [("TXT" if kind == "SPF" else kind, value) for kind, value in records]
            present.add("TXT")
        zone.records.setdefault(name.lower(), {})
        for kind, value in records:
            if kind != "SPF" and value != "NONE":
                zone.add(name, kind, value if value != [] else "")
        if "TIMEOUT" in entries:
            for kind in {"A", "AAAA", "MX", "PTR", "TXT"} - present:
                zone.fail(name, SERVFAIL, kind)
    return zone


class SuiteTest(unittest.TestCase):
    def test_openspf(self) -> None:
        """The suite of openspf.org through the program and a name server."""
        try:
            import yaml
        except ImportError:
            self.skipTest("python3-yaml is not here")
        if not SUITE.exists():
            self.skipTest("the suite isn't beside the project")
        count = 0
        for scenario in yaml.safe_load_all(SUITE.read_text(encoding="utf-8")):
            server = NameServer(zone_of(scenario["zonedata"]))
            self.addCleanup(server.close)

            def check(case: dict) -> tuple[dict, dict]:
                done = run("--json", "--ip", case["host"], "--helo", case["helo"], f"--mail-from={case['mailfrom']}",
                           "--receiver", "receiver.example", "--dns-server", server.address)
                self.assertEqual(0, done.returncode, done.stderr)
                return case, json.loads(done.stdout)

            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                for case, outcome in pool.map(check, scenario["tests"].values()):
                    wanted = case["result"] if isinstance(case["result"], list) else [case["result"]]
                    self.assertIn(outcome["result"], wanted, (scenario["description"], case, outcome))
                    if "explanation" in case:
                        words = "" if case["explanation"] == "DEFAULT" else case["explanation"]
                        self.assertEqual(words, outcome["explanation"], (case, outcome))
                    count += 1
        self.assertEqual(203, count)


class CommandTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        zone = Zone()
        zone.add("seoul.example", "TXT", "v=spf1 mx include:_spf.busan.example -all exp=why.seoul.example")
        zone.add("seoul.example", "MX", (10, "mx.seoul.example"))
        zone.add("mx.seoul.example", "A", "192.0.2.1")
        zone.add("_spf.busan.example", "TXT", "v=spf1 ip4:198.51.100.0/24 ?all")
        zone.add("why.seoul.example", "TXT", "%{c} may not send for %{d}")
        zone.add("failing.example", "TXT", "v=spf1 a:dead.example -all")
        zone.fail("dead.example", SERVFAIL)
        zone.add("refusing.example", "TXT", "v=spf1 a:no.example -all")
        zone.fail("no.example", REFUSED)
        zone.fail("silent.example", "silent")
        zone.fail("garbage.example", "garbage")
        zone.add("long.example", "TXT", ["v=spf1 " + " ".join(f"ip4:203.0.113.{i}" for i in range(120)) + " -all"])
        zone.add("cut.example", "TXT", "v=spf1 ip4:192.0.2.1 -all")
        zone.failures[("cut.example", "TXT")] = "truncated"
        zone.add("xn--3e0b707e.example", "TXT", "v=spf1 ip4:192.0.2.9 -all")
        zone.fail("gone.example", NXDOMAIN)
        cls.server = NameServer(zone)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.close()

    def outcome(self, mail_from: str, ip: str = "192.0.2.1", helo: str = "client.example") -> dict:
        done = run("--json", "--ip", ip, "--helo", helo, f"--mail-from={mail_from}", "--dns-server", self.server.address)
        self.assertEqual((0, b""), (done.returncode, done.stderr))
        return json.loads(done.stdout)

    def test_json(self) -> None:
        outcome = self.outcome("alice@seoul.example")
        self.assertEqual(("pass", "", "mx", 1), tuple(outcome[key] for key in ("result", "explanation", "mechanism", "lookups")))
        term = outcome["evaluation"]["terms"][0]
        self.assertEqual(("mx", "yes"), (term["term"], term["match"]))
        self.assertEqual([("MX", ["10 mx.seoul.example."]), ("A", ["192.0.2.1"])],
                         [(lookup["type"], lookup["records"]) for lookup in term["lookups"]])
        outcome = self.outcome("alice@seoul.example", ip="203.0.113.7")
        self.assertEqual(("fail", "203.0.113.7 may not send for seoul.example", "-all", 2),
                         tuple(outcome[key] for key in ("result", "explanation", "mechanism", "lookups")))
        self.assertEqual("neutral", outcome["evaluation"]["terms"][1]["check"]["result"])

    def test_for_people(self) -> None:
        done = run("--ip", "203.0.113.7", "--helo", "x.example", "--mail-from", "alice@seoul.example", "--dns-server", self.server.address)
        text = done.stdout.decode()
        for words in ("MX seoul.example: 10 mx.seoul.example.", "A mx.seoul.example: 192.0.2.1", "no match",
                      "_spf.busan.example comes to neutral", "Result: fail", "The domain explains: 203.0.113.7 may not send for seoul.example",
                      "2 of 10 terms that ask the DNS"):
            self.assertIn(words, text)

    def test_odd_answers(self) -> None:
        """SERVFAIL and REFUSED and silence are temperror, what is cut comes over TCP, absence is none."""
        for domain, result in (("failing.example", "temperror"), ("refusing.example", "temperror"), ("garbage.example", "temperror"),
                               ("long.example", "fail"), ("cut.example", "pass"), ("gone.example", "none"), ("nowhere.example", "none"),
                               ("한국.example", "fail")):
            self.assertEqual(result, self.outcome(f"x@{domain}")["result"], domain)
        self.assertEqual("temperror", self.outcome("x@silent.example")["result"])

    def test_null_reverse_path(self) -> None:
        outcome = self.outcome("", ip="192.0.2.1", helo="cut.example")
        self.assertEqual(("pass", "helo", "postmaster@cut.example"), tuple(outcome[key] for key in ("result", "identity", "sender")))

    def test_usage(self) -> None:
        self.assertEqual(2, run("--ip", "300.1.1.1", "--helo", "x.example").returncode)
        self.assertEqual(2, run("--ip", "192.0.2.1").returncode)
        self.assertEqual(2, run("--helo", "x.example").returncode)
        missing = run("--ip", "192.0.2.1", "--helo", "x.example", "--config", "/nowhere/pabal.toml")
        self.assertEqual(1, missing.returncode)
        named = run("--ip", "192.0.2.1", "--helo", "cut.example", "--json", "--dns-server", self.server.address.replace("127.0.0.1", "localhost"))
        self.assertEqual("pass", json.loads(named.stdout)["result"])
        self.assertEqual(1, run("--ip", "192.0.2.1", "--helo", "cut.example", "--dns-server", "nowhere.invalid@53").returncode)
        self.assertIn(b"/nowhere/pabal.toml", missing.stderr)


if __name__ == "__main__":
    unittest.main()
