"""What Pabal, dkimpy, Mail::DKIM, OpenDKIM and mailauth (npm) make of the same signatures.

Each signs and seals letters made from a seed; then things happen to them on their way; then each says of each letter whether its
signature passes and how its ARC chain stands. Where one differs from Pabal, the difference must be of a class in
signatures/differences.txt, which says who is right and why. Ends with "N passed, N failed, N skipped": a test is what one peer says
of one letter; peers that aren't there are skipped.

"""
import argparse
import collections
import dataclasses
import json
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent / "signatures"
ROOT = HERE.parent.parent.parent
sys.path.insert(0, str(HERE))
import letters  # noqa: E402

AT = int(time.time()) + 60  # some peers look at the machine's clock, and refuse what was signed later than now
NAMES = ("from:to:subject:date", "from:date:subject:from:to:to:subject", "date:from:subject:message-id:x-none")
FORMS = ("relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple")


@dataclasses.dataclass
class Letter:
    name: str
    signer: str
    change: str
    kind: str  # dkim or arc
    form: str  # c=
    octets: bytes
    said: dict[str, str] = dataclasses.field(default_factory=dict)


class Peer:
    def __init__(self, name: str, command: list[str], folder: pathlib.Path, probe: list[str]) -> None:
        self.name, self.command, self.folder = name, command, folder
        try:
            self.there = subprocess.run(probe, capture_output=True, check=False, timeout=60).returncode == 0
        except OSError:
            self.there = False

    def run(self, jobs: list[dict]) -> dict[str, dict]:
        """The answers by id."""
        lines = "".join(json.dumps(job) + "\n" for job in jobs)
        done = subprocess.run(self.command, cwd=self.folder, input=lines.encode(), capture_output=True, check=False, timeout=280)
        answers = {}
        for line in done.stdout.decode("utf-8", "replace").splitlines():
            if line.startswith("{"):
                answer = json.loads(line)
                answers[answer["id"]] = answer
        if len(answers) < len(jobs):
            print(f"{self.name}: {len(jobs) - len(answers)} jobs without an answer: {done.stderr.decode(errors='replace')[-500:]}")
        return answers


class OpenDkim(Peer):
    """`opendkim -t`, with the records in a file; it has no ARC."""

    def run(self, jobs: list[dict]) -> dict[str, dict]:
        answers: dict[str, dict] = {}
        lots: dict[tuple[str, str], list[dict]] = collections.defaultdict(list)
        for job in jobs:
            lots[(job["key"], job["c"]) if job["do"] == "sign" else ("", "")].append(job)
        for (key, forms), lot in lots.items():
            settings = "On-Default accept\nRequireSafeKeys no\n"
            if key:
                settings += f"Mode s\nDomain a.example\nSelector {key[:-4]}\nKeyFile {self.folder / key}\nCanonicalization {forms}\nSignatureAlgorithm rsa-sha256\n"
            else:
                settings += f"Mode v\nTestPublicKeys {self.folder / 'records.txt'}\n"
            (self.folder / "opendkim.conf").write_text(settings)
            while lot:
                done, some = self.some(lot[:100], bool(key))
                answers |= some
                lot = lot[done:]
        return answers

    def some(self, jobs: list[dict], signing: bool) -> tuple[int, dict[str, dict]]:
        """As many as go on a command line, and how many were done: it stops where it wouldn't look at a letter."""
        done = subprocess.run(["/usr/sbin/opendkim", "-x", "opendkim.conf", "-vvv", "-t", ",".join(job["file"] for job in jobs)], cwd=self.folder,
                              capture_output=True, check=False, timeout=120)
        told = done.stdout.decode("utf-8", "surrogateescape")
        seen = re.findall(r"opendkim: (\S+\.eml): mlfi_", done.stderr.decode("utf-8", "surrogateescape"))
        if seen and not signing:
            jobs = jobs[:1 + max(i for i, job in enumerate(jobs) if job["file"] == seen[-1])]
        if not signing:
            passed = set(re.findall(r"opendkim: (\S+): verification \(.*\) succeeded", told))
            return len(jobs), {job["id"]: {"dkim": ["pass" if job["file"] in passed else "not"]} for job in jobs}
        fields = re.findall(r"### INSHEADER: idx=\d+ hname='DKIM-Signature' hvalue='(.*?)'\n", told, re.DOTALL)
        answers = {}
        for job, field in zip(jobs, fields, strict=len(fields) == len(jobs)):
            letter = (self.folder / job["file"]).read_bytes()
            text = "DKIM-Signature: " + re.sub(r"\r?\n", "\r\n", field) + "\r\n"
            (self.folder / job["out"]).write_bytes(text.encode("utf-8", "surrogateescape") + letter)
            answers[job["id"]] = {}
        return len(jobs), answers


def keys(folder: pathlib.Path) -> dict[str, list[str]]:
    """Keys as files, and their records under several selectors with what records may say."""
    world: dict[str, list[str]] = {}
    for name, bits in (("rsa", 2048), ("small", 1024), ("tiny", 768)):
        subprocess.run(["openssl", "genrsa", "-traditional", "-out", f"{name}.pem", str(bits)], cwd=folder, check=True, capture_output=True)
        der = subprocess.run(["openssl", "rsa", "-in", f"{name}.pem", "-pubout", "-outform", "DER"], cwd=folder, check=True, capture_output=True).stdout
        bare = subprocess.run(["openssl", "rsa", "-in", f"{name}.pem", "-RSAPublicKey_out", "-outform", "DER"], cwd=folder, check=True, capture_output=True).stdout
        base64 = subprocess.run(["openssl", "base64", "-A"], input=der, check=True, capture_output=True).stdout.decode()
        short = subprocess.run(["openssl", "base64", "-A"], input=bare, check=True, capture_output=True).stdout.decode()
        world[f"{name}._domainkey.a.example"] = [f"v=DKIM1; k=rsa; p={base64}"]
        if name != "rsa":
            continue
        for selector, text in {"plain": f"p={base64}", "bare": f"v=DKIM1; p={short}", "mail": f"v=DKIM1; s=email; p={base64}", "tls": f"v=DKIM1; s=tlsrpt; p={base64}",
                               "sha1": f"v=DKIM1; h=sha1; p={base64}", "both": f"v=DKIM1; h=sha1:sha256; p={base64}", "testing": f"v=DKIM1; t=y; p={base64}",
                               "strict": f"v=DKIM1; t=s; p={base64}", "revoked": "v=DKIM1; p=", "version": f"v=DKIM2; p={base64}", "late": f"k=rsa; v=DKIM1; p={base64}",
                               "type": f"v=DKIM1; k=ed25519; p={base64}", "none": "v=DKIM1; k=rsa", "broken": f"v=DKIM1; p={base64[:100]}", "notes": f"v=DKIM1; n=some words; zz=1; p={base64};",
                               "twice": f"v=DKIM1; p={base64}; p={base64}", "spf": "v=spf1 -all"}.items():
            world[f"{selector}._domainkey.a.example"] = [text]
    (folder / "world.json").write_text(json.dumps(world))
    (folder / "records.txt").write_text("".join(f"{name} {texts[0]}\n" for name, texts in world.items()))
    return world


def all_peers(folder: pathlib.Path, build: pathlib.Path) -> list[Peer]:
    python = "/usr/bin/python3"
    return [Peer("pabal", [str(build / "differential" / "differential_signatures")], folder, ["true"]),
            Peer("dkimpy", [python, str(HERE / "dkimpy_peer.py")], folder, [python, "-c", "import dkim, authres"]),
            Peer("perl", ["perl", str(HERE / "perl_peer.pl")], folder, ["perl", "-MMail::DKIM::ARC::Verifier", "-e", "1"]),
            Peer("mailauth", ["env", f"NODE_PATH={ROOT / 'node_modules'}", "node", str(HERE / "mailauth_peer.cjs")], folder,
                 ["env", f"NODE_PATH={ROOT / 'node_modules'}", "node", "-e", "require('mailauth')"]),
            OpenDkim("opendkim", [], folder, ["/usr/sbin/opendkim", "-V"])]


def common(number: int, file: str, do: str, key: str, selector: str, dice: random.Random) -> dict:
    return {"id": f"{do}{number}", "do": do, "file": file, "out": f"{do}{number}.eml", "key": key, "selector": selector, "domain": "a.example",
            "headers": dice.choice(NAMES), "c": dice.choice(FORMS), "at": AT}


def sign_all(peers: list[Peer], folder: pathlib.Path, count: int, dice: random.Random, world: dict) -> list[Letter]:
    jobs: dict[str, list[dict]] = collections.defaultdict(list)
    number = 0
    for i in range(count):
        (folder / f"letter{i}.eml").write_bytes(letters.letter(dice))
        for peer in peers:
            number += 1
            jobs[peer.name].append(common(number, f"letter{i}.eml", "sign", dice.choice(("rsa.pem", "small.pem")), "", dice))
            jobs[peer.name][-1]["selector"] = jobs[peer.name][-1]["key"][:-4]
    for name in world:  # every record
        number += 1
        selector = name.partition(".")[0]
        job = common(number, "letter0.eml", "sign", f"{selector}.pem" if selector in ("small",) else "rsa.pem", selector, dice)
        jobs["pabal"].append(job | {"headers": NAMES[0], "c": FORMS[0]} | ({"identity": "a@sub.a.example"} if selector == "strict" else {}))
    signed = []
    for peer in peers:
        answers = peer.run(jobs[peer.name])
        for job in jobs[peer.name]:
            if "error" not in answers.get(job["id"], {"error": 1}):
                kind = "record-" + job["selector"] if job["selector"] not in ("rsa", "small") else "none"
                signed.append(Letter(job["id"], peer.name, kind, "dkim", job["c"], (folder / job["out"]).read_bytes()))
    return signed


def seal_all(peers: list[Peer], folder: pathlib.Path, count: int, dice: random.Random) -> list[Letter]:
    sealers = [peer for peer in peers if peer.name != "opendkim"]
    sealed: list[Letter] = []
    current = {f"chain{i}": (folder / f"letter{i}.eml").read_bytes() for i in range(count)}
    by: dict[str, list[str]] = {name: [] for name in current}
    for step in range(3):
        jobs: dict[str, list[dict]] = collections.defaultdict(list)
        for number, (name, octets) in enumerate(current.items()):
            (folder / f"{name}.eml").write_bytes(octets)
            peer = dice.choice(sealers)
            cv = "none" if step == 0 else "pass"
            job = common(1000 * step + number, f"{name}.eml", "seal", "rsa.pem", "rsa", dice)
            jobs[peer.name].append(job | {"id": f"{name}", "cv": cv, "headers": NAMES[0], "results": f"mx.a.example; arc={cv}; dkim=pass header.d=a.example"})
        for peer in sealers:
            if not jobs[peer.name]:
                continue
            answers = peer.run(jobs[peer.name])
            for job in jobs[peer.name]:
                name = job["id"]
                if "error" in answers.get(name, {"error": 1}):
                    continue
                by[name].append(peer.name)
                current[name] = (folder / job["out"]).read_bytes()
                sealed.append(Letter(f"{name}-{step}", "+".join(by[name]), "none", "arc", "relaxed/relaxed", current[name]))
    return sealed


def vary(signed: list[Letter], dice: random.Random, each: int) -> list[Letter]:
    varied = list(signed)
    for one in signed:
        if one.change != "none":
            continue
        for change in dice.sample([name for name in letters.CHANGES if name != "none"], each):
            octets = letters.CHANGES[change](one.octets, dice)
            varied.append(Letter(f"{one.name}-{change}", one.signer, change, one.kind, one.form, octets))
    return varied


def judge(peers: list[Peer], folder: pathlib.Path, varied: list[Letter]) -> None:
    for number, letter in enumerate(varied):
        (folder / f"v{number}.eml").write_bytes(letter.octets)
    jobs = [{"id": str(number), "do": "verify", "file": f"v{number}.eml", "at": AT} for number in range(len(varied))]
    for peer in peers:
        asked = [job for job in jobs if peer.name != "opendkim" or varied[int(job["id"])].kind == "dkim"]
        for number, answer in peer.run(asked).items():
            letter = varied[int(number)]
            if letter.kind == "arc":
                letter.said[peer.name] = "pass" if answer.get("arc") == "pass" else "not"
            else:
                letter.said[peer.name] = "pass" if answer.get("dkim") == ["pass"] else "not"


def classes() -> list[tuple[re.Pattern, str]]:
    """Lines `[name] PATTERN of "peer kind signer change form ours theirs" — who is right, and why`."""
    found = []
    for line in (HERE / "differences.txt").read_text().splitlines():
        match = re.fullmatch(r"\[([\w-]+)\] (.+?) — .{10,}", line)
        if match:
            found.append((re.compile(match[2]), match[1]))
        elif line.strip() and not line.startswith("#"):
            sys.exit(f"differences.txt: {line}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=str(ROOT / "build" / "release"))
    parser.add_argument("--seed", type=int, default=6376)
    parser.add_argument("--letters", type=int, default=40)
    options = parser.parse_args()
    dice = random.Random(options.seed)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pabal-signatures-"))
    try:
        every = all_peers(folder, pathlib.Path(options.build).resolve())
        peers = [peer for peer in every if peer.there]
        skipped = [peer.name for peer in every if not peer.there]
        world = keys(folder)
        signed = sign_all(peers, folder, options.letters, dice, world)
        varied = vary(signed, dice, 6) + vary(seal_all(peers, folder, options.letters, dice), dice, 4)
        judge(peers, folder, varied)
    finally:
        shutil.rmtree(folder)
    known = classes()
    passed, failures = 0, []
    used: collections.Counter = collections.Counter()
    for letter in varied:
        ours = letter.said.get("pabal", "nothing")
        # OpenDKIM's test mode loses white space before values, which a simple form covers.
        if letter.change == "none" and ours != "pass" and not (letter.signer == "opendkim" and letter.form.startswith("simple")):
            failures.append(f"pabal {letter.kind} {letter.signer} none {ours}: an unchanged letter should pass")
        for peer, theirs in letter.said.items():
            if peer == "pabal":
                continue
            told = f"{peer} {letter.kind} {letter.signer} {letter.change} {letter.form} {ours} {theirs}"
            name = next((name for pattern, name in known if pattern.fullmatch(told)), None)
            if ours == theirs or name is not None:
                passed += 1
                if ours != theirs:
                    used[name] += 1
            else:
                failures.append(told)
    for told, count in sorted(collections.Counter(failures).items()):
        print(f"FAILED {told}: {count} times, of no class in signatures/differences.txt")
    signers = collections.Counter(letter.signer for letter in signed)
    print(f"{len(varied)} letters, signed by {dict(signers)}; differences by class: {dict(used)}")
    for name in skipped:
        print(f"skipped: {name} isn't there")
    print(f"{passed} passed, {len(failures)} failed, {len(skipped)} skipped")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
