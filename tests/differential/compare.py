"""What Pabal, GMime and Python's email package make of the same messages.

Runs the three dumpers over the public suites beside the project and compares types, subjects, addresses, dates, identifiers, the digests
of decoded bodies, file names, and the characters of texts. Every difference must be listed in differences.txt, under the class that says who is right and why; a listed one that is
no more is told, too. Ends with "N passed, N failed, N skipped": a test is one thing of one message compared with one peer.

compare.py [--build FOLDER] [--unlisted]   with --unlisted, prints the differences that aren't listed, with both sides
"""
import argparse
import collections
import concurrent.futures
import dataclasses
import pathlib
import re
import subprocess
import sys
import unicodedata

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SUITES = ROOT.parent / "shared" / "suites"
TABLE = HERE / "differences.txt"
PEERS = ("gmime", "python")
# Files of the suites that are no messages.
OTHERS = (r"/attachments/|/encoders/|/mbox/", r"^mime/cpython/data/(?!msg_\d+\.txt$)", r"(LICENSE|NOTICE|COPYING|\.gitattributes|\.json)$",
          r"/sample_output_multipart$")
THINGS = ("types", "subject", "from", "to", "cc", "date", "message-id", "in-reply-to", "references", "body", "name", "text")
# What Python's package has no reader for.
NOT_IN = {"python": ("message-id", "in-reply-to", "references")}


@dataclasses.dataclass(frozen=True, order=True)
class Difference:
    peer: str
    thing: str
    file: str


def files() -> list[str]:
    """The messages of the suites: no attachments, mailboxes of many messages, or other data."""
    found = []
    for path in sorted(path for folder in ("mime", "spam-dev", "dsn") for path in (SUITES / folder).rglob("*")):
        name = path.relative_to(SUITES).as_posix()
        if path.is_file() and not any(re.search(pattern, name) for pattern in OTHERS):
            found.append(name)
    return found


def dump(command: list[str], names: list[str]) -> bytes | None:
    """What a dumper says of the messages; nothing where it fails."""
    done = subprocess.run(command, cwd=SUITES, input=("\n".join(names) + "\n").encode(), stdout=subprocess.PIPE, check=False)
    return done.stdout if done.returncode == 0 else None


def read(octets: bytes) -> dict[str, dict[str, list[str]]]:
    messages: dict[str, dict[str, list[str]]] = {}
    current: dict[str, list[str]] = {}
    for line in octets.decode("utf-8", "replace").split("\n"):
        key, _, value = line.partition("\t")
        if key == "file":
            current = messages.setdefault(value, collections.defaultdict(list))
        elif key:
            current[key].append(value)
    return messages


def plain(value: str) -> str:
    """White space is each library's own matter; so are form C, and quotes and controls in names."""
    value = unicodedata.normalize("NFC", value)
    value = "".join(c for c in value if c.isprintable() or c.isspace())
    return " ".join(value.split())


def same(thing: str, ours: list[str], theirs: list[str]) -> bool:
    if thing == "body":
        # What the type is called is compared by itself; here it is the octets.
        return [value.split(" ", 1)[1] for value in ours] == [value.split(" ", 1)[1] for value in theirs]
    return ours == theirs or [plain(value) for value in ours] == [plain(value) for value in theirs]


def table() -> tuple[dict[Difference, str], list[str]]:
    """The differences that are known, each with its class, and what is wrong with the table."""
    known: dict[Difference, str] = {}
    wrong = []
    where = None
    for number, line in enumerate(TABLE.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("["):
            match = re.fullmatch(r"\[([\w-]+)\] (gmime|python) ([\w-]+): (Pabal|GMime|Python|both|neither) — .{10,}", line)
            where = match and (match[1], match[2], match[3])
            if not match:
                wrong.append(f"{TABLE.name}:{number}: a class is written [name] peer thing: who is right — why")
        elif where is None:
            wrong.append(f"{TABLE.name}:{number}: a file without a class before it")
        else:
            difference = Difference(where[1], where[2], line.strip())
            if difference in known:
                wrong.append(f"{TABLE.name}:{number}: listed twice")
            known[difference] = where[0]
    return known, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=str(ROOT / "build" / "release"))
    parser.add_argument("--unlisted", action="store_true")
    options = parser.parse_args()
    if not SUITES.is_dir():
        print(f"skipped: no {SUITES}\n0 passed, 0 failed, 1 skipped")
        return 0
    names = files()
    programs = pathlib.Path(options.build).resolve() / "differential"
    commands = {"pabal": [str(programs / "differential_pabal")], "gmime": [str(programs / "differential_gmime")],
                "python": [sys.executable, str(HERE / "python_dump.py")]}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        dumps = dict(zip(commands, pool.map(lambda command: dump(command, names), commands.values()), strict=True))
    views = {}
    for name, octets in dumps.items():
        if octets is None:
            print(f"FAILED the dumper {name}\n0 passed, 1 failed, 0 skipped")
            return 1
        views[name] = read(octets)
    known, wrong = table()
    compared = 0
    unlisted = []
    seen = set()
    for file in names:
        for peer in PEERS:
            for thing in THINGS:
                if thing in NOT_IN.get(peer, ()):
                    continue
                compared += 1
                ours, theirs = views["pabal"][file].get(thing, []), views[peer][file].get(thing, [])
                if same(thing, ours, theirs):
                    continue
                difference = Difference(peer, thing, file)
                seen.add(difference)
                if difference not in known:
                    unlisted.append((difference, ours, theirs))
    for difference, ours, theirs in unlisted:
        print(f"FAILED {difference.peer} {difference.thing} {difference.file}")
        if options.unlisted:
            print(f"    ours   {ours}\n    theirs {theirs}")
    for difference in sorted(set(known) - seen):
        wrong.append(f"{difference.peer} {difference.thing} {difference.file} [{known[difference]}]: listed, and no difference any more")
    for line in wrong:
        print(f"FAILED {line}")
    counts = collections.Counter(known[difference] for difference in seen if difference in known)
    for name, count in sorted(counts.items()):
        print(f"    {count} differ as {name}")
    bad = len(unlisted) + len(wrong)
    print(f"{compared - len(unlisted)} passed, {bad} failed, 0 skipped")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
