"""What Pabal and libopendmarc make of the same DMARC records, authors and proven domains.

Generates some thousand letters and records, right and wrong ones, and compares what is to be done with the letter. Every difference must
belong to a class of DIFFERENCES, which says who is right and why. Ends with "N passed, N failed, N skipped".

dmarc_compare.py [--build FOLDER] [--seed N] [--count N] [--show CLASS]
"""
import argparse
import json
import pathlib
import random
import subprocess
import sys

from tally import Tally

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LIST = pathlib.Path("/usr/share/publicsuffix/public_suffix_list.dat")

ORGANIZATIONAL = ["example.com", "example.co.kr", "other.com", "other.co.kr", "example.org"]
PREFIXES = ["", "", "mail.", "a.b.", "bounce."]
SUFFIXES = ["com", "co.kr"]


def domain(rng: random.Random, near: str = "") -> str:
    top = near if near and rng.random() < 0.7 else rng.choice(ORGANIZATIONAL)
    if rng.random() < 0.05:
        return rng.choice(SUFFIXES)
    name = rng.choice(PREFIXES) + top
    return name.upper() if rng.random() < 0.05 else name


def record(rng: random.Random) -> str:
    def policy() -> str:
        return rng.choice(["none", "quarantine", "reject", "reject", "Reject", "QUARANTINE"] if rng.random() < 0.9 else ["", "bogus", "rejec", "none reject"])

    tags = ["p=" + policy()] if rng.random() < 0.95 else []
    more = [f"sp={policy()}", f"adkim={rng.choice('rsRSx')}", f"aspf={rng.choice('rsRSx')}", f"pct={rng.choice(['0', '50', '100', '101', 'x'])}",
            "rua=mailto:a@example.com", "rua=mailto:a@example.com!10m", "rua=bogus", "ruf=mailto:b@example.com", f"fo={rng.choice(['0', '1', 'd:s', '9'])}",
            "ri=3600", "ri=x", "x=y", "", " "]
    tags += rng.sample(more, rng.randint(0, 5))
    if rng.random() < 0.1:
        rng.shuffle(tags)
    separator = rng.choice([";", "; ", " ; "])
    version = rng.choice(["v=DMARC1"] * 12 + ["v = DMARC1", "V=DMARC1", "v=DMARC2", "v=dmarc1"])
    return separator.join([version, *tags]) + rng.choice(["", ";", "; "])


def letter(rng: random.Random) -> dict:
    organizational = rng.choice(ORGANIZATIONAL[:4])
    sub = rng.random() < 0.4
    from_domain = (rng.choice(PREFIXES[2:]) if sub else "") + organizational
    return {"from": from_domain, "record": record(rng), "organizational": organizational if sub and rng.random() < 0.8 else "",
            "spf": domain(rng, organizational) if rng.random() < 0.8 else "", "spf_result": rng.choice(["pass", "pass", "fail"]),
            "dkim": [[domain(rng, organizational), rng.random() < 0.7] for _ in range(rng.randint(0, 2))]}


def tag_values(text: str) -> dict[str, str]:
    pairs = [piece.partition("=") for piece in text.split(";")]
    return {name.strip().lower(): value.strip() for name, equals, value in reversed(pairs) if equals}


def tag_names(text: str) -> list[str]:
    return [piece.partition("=")[0].strip().lower() for piece in text.split(";") if "=" in piece]


def is_policy(text: str) -> bool:
    return text.lower() in ("none", "quarantine", "reject")


def wrong_policy(case: dict) -> bool:
    tags = tag_values(case["record"])
    return not is_policy(tags.get("p", "")) or not is_policy(tags.get("sp", "none"))


def wrong_tags(case: dict) -> bool:
    tags = tag_values(case["record"])
    return any(tags.get(name, right) not in allowed for name, right, allowed in (
        ("adkim", "r", "rsRS"), ("aspf", "r", "rsRS"), ("pct", "0", ("0", "50", "100")), ("fo", "0", ("0", "1", "d:s")), ("ri", "3600", ("3600",))))


def identifiers(case: dict) -> list[str]:
    return [case["spf"], *(signature[0] for signature in case["dkim"])]


# Each class: its name, who is right and why, and whether a difference belongs to it.
DIFFERENCES = (
    ("case of the version", "v=DMARC1 is written in capitals (RFC 7489 §6.4: octets); libopendmarc takes any case.",
     lambda case, ours, theirs: "dmarc1" in case["record"]),
    ("other versions", "A record of another version is none of DMARC's (§6.6.3); libopendmarc, which is handed it here, says that it is wrong.",
     lambda case, ours, theirs: "DMARC2" in case["record"]),
    ("tags twice", "A tag that comes twice counts as it came first: §6.3 passes over errors behind v= and p=. libopendmarc refuses all of the record.",
     lambda case, ours, theirs: theirs == "permerror" and len(tag_names(case["record"])) != len(set(tag_names(case["record"])))),
    ("wrong policies", "§6.6.3: where p= is missing or p= or sp= is none, the record counts as p=none if it wants reports, and as no record otherwise. "
     "libopendmarc takes the first letters of a policy, or refuses all of it.",
     lambda case, ours, theirs: wrong_policy(case)),
    ("other wrong tags", "§6.3: a tag whose value is wrong counts as its default; libopendmarc refuses all of the record for some of them.",
     lambda case, ours, theirs: theirs == "permerror" and wrong_tags(case)),
    ("suffixes", "A public suffix is no organization: co.kr is aligned with nobody below it.",
     lambda case, ours, theirs: any(one.lower() in SUFFIXES for one in identifiers(case))),
    ("strict alignment", "§3.1: in strict mode only the same domain is aligned; libopendmarc takes one below the author's, too.",
     lambda case, ours, theirs: theirs == "pass" and {tag_values(case["record"]).get(tag, "").lower() for tag in ("adkim", "aspf")} & {"s"}),
    ("several signatures", "One signature that passed and is aligned is enough (§3.1.1); in libopendmarc a later one that failed may take its place.",
     lambda case, ours, theirs: ours == "pass" and len(case["dkim"]) > 1),
    ("capitals", "Domains are compared without regard to case; libopendmarc's relaxed alignment has regard to it.",
     lambda case, ours, theirs: ours == "pass" and any(one != one.lower() for one in identifiers(case))),
)


def main() -> int:
    parser = argparse.ArgumentParser(description="DMARC by Pabal and by libopendmarc.")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--seed", type=int, default=7489)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--show", default="", help="print the differences of this class")
    options = parser.parse_args()
    program = options.build / "differential" / "differential_dmarc"
    if not program.exists() or not LIST.exists():
        print("skipped: libopendmarc-dev or publicsuffix is not here\n0 passed, 0 failed, 1 skipped")
        return 0
    rng = random.Random(options.seed)
    cases = [letter(rng) for _ in range(options.count)]
    done = subprocess.run([program, LIST], input="".join(json.dumps(case) + "\n" for case in cases).encode(), capture_output=True, check=True, timeout=120)
    tally = Tally(DIFFERENCES, options.show)
    for case, line in zip(cases, done.stdout.splitlines(), strict=True):
        both = json.loads(line)
        ours, theirs = both["ours"], both["theirs"]
        tally.take(case, ours, theirs, result=ours, same=ours == theirs, words=f"\n  Pabal: {ours}  libopendmarc: {theirs}")
    return tally.end()


if __name__ == "__main__":
    sys.exit(main())
