"""docs/differences.md: every known kind of difference between Pabal and other programs, with who is right and why.

The comparisons fail on a difference of no kind; this puts their kinds into one table for people.

table.py          writes the file
table.py --check  fails where the file isn't what would be written
"""
import argparse
import collections
import pathlib
import re
import sys

import dmarc_compare
import spf_compare

HERE = pathlib.Path(__file__).resolve().parent
FILE = HERE.parent.parent / "docs" / "differences.md"

HEAD = """# Where others see it otherwise

The suite gives thousands of generated cases to Pabal and to other programs from Debian and npm, and compares what they say. Each kind of
difference that there is stands here, with who is right and why; a difference of no such kind fails the suite. (Written by
`python3 tests/differential/table.py` from the comparisons themselves.)
"""


def signature_rows() -> list[list[str]]:
    rows = []
    for line in (HERE / "signatures" / "differences.txt").read_text().splitlines():
        if match := re.fullmatch(r"\[([\w-]+)\] (\S+) \S+ .+? — (.+)", line):
            rows.append([match[1].replace("-", " "), match[2].strip("()").replace("|", ", "), match[3]])
    return rows


def message_rows() -> list[list[str]]:
    """Kind, peer, thing, who is right; and in how many messages of the public suites."""
    counts: collections.Counter[tuple[str, ...]] = collections.Counter()
    kind: tuple[str, ...] = ()
    for line in (HERE / "differences.txt").read_text().splitlines():
        if match := re.fullmatch(r"\[([\w-]+)\] (\w+) ([\w-]+): (.+)", line):
            kind = (match[1].replace("-", " "), match[2], match[3], match[4])
        elif line and not line.startswith("#"):
            counts[kind] += 1
    return [[*words, str(number)] for words, number in counts.items()]


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def text() -> str:
    return "\n".join([
        HEAD,
        "## SPF, beside pyspf (tests/differential/spf_compare.py)\n",
        table(["kind", "who is right, and why"], [[name, why] for name, why, _ in spf_compare.DIFFERENCES]),
        "## DMARC, beside libopendmarc (tests/differential/dmarc_compare.py)\n",
        table(["kind", "who is right, and why"], [[name, why] for name, why, _ in dmarc_compare.DIFFERENCES]),
        "## DKIM and ARC, beside dkimpy, Mail::DKIM, OpenDKIM and mailauth (tests/differential/dkim_compare.py)\n",
        table(["kind", "peers", "who is right, and why"], signature_rows()),
        "## Messages, beside GMime and Python's email package (tests/differential/compare.py)\n",
        table(["kind", "peer", "of", "who is right, and why", "messages"], message_rows()),
    ])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    wanted = text()
    if not parser.parse_args().check:
        FILE.write_text(wanted)
        return 0
    if FILE.exists() and FILE.read_text() == wanted:
        return 0
    print("docs/differences.md is not what the comparisons say; python3 tests/differential/table.py writes it")
    return 1


if __name__ == "__main__":
    sys.exit(main())
