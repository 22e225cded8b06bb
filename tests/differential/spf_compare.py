"""What Pabal and pyspf (Debian's python3-spf) make of the same SPF records, clients and answers of the DNS.

Generates some thousand worlds (zones with records that include, redirect, expand macros, fail, and are wrong in many ways) and compares
results and explanations. Every difference must belong to a class of DIFFERENCES, which says who is right and why. Ends with
"N passed, N failed, N skipped".

spf_compare.py [--build FOLDER] [--seed N] [--count N] [--show CLASS]
"""
import argparse
import collections
import ipaddress
import json
import pathlib
import random
import re
import subprocess
import sys

from tally import Tally

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

DOMAINS = ["a.example", "b.example", "c.example", "sub.a.example", "d.net", "e.org", "_spf.a.example", "long-name.b.example"]
HOSTS = ["mx1.a.example", "mx2.b.example", "host.d.net", "six.e.org", "dead.example", "nowhere.example", "alias.c.example"]
ADDRESSES = ["192.0.2.1", "192.0.2.2", "192.0.2.130", "198.51.100.7", "203.0.113.9", "2001:db8::1", "2001:db8:0:1::2", "2001:db8:ffff::3",
             "::ffff:192.0.2.1"]
LOCAL_PARTS = ["alice", "strong-bad", "a.b.c", "x+y=z", "A_b/c", "", "9"]
MACROS = ["%{s}", "%{l}", "%{o}", "%{d}", "%{i}", "%{ir}", "%{v}", "%{h}", "%{p}", "%{d2}", "%{d1r}", "%{l-}", "%{lr-}", "%{l1r-}", "%{L}",
          "%{S}", "%{o2r}", "%{i1}", "%{ir3}", "%{s.@}", "%%", "%_", "%-", "%{d9}", "%{l+=-/}", "%{hr}", "%{h1}"]
WRONG_MACROS = ["%{x}", "%{d0}", "%{", "%", "%{d", "%(d)", "%{c}", "%{t}", "%{r}", "%{d2x}", "%{}", "%{ d}"]
WRONG_TERMS = ["al", "all:x", "all/8", "include", "include:", "a:", "a/33", "a/024", "a//129", "a:x", "a:1.2.3.4", "mx/", "ip4", "ip4:",
               "ip4:1.2.3", "ip4:1.2.3.4/33", "ip4:1.2.3.4/01", "ip4:1.2.3.4//5", "ip4:1.2.3.400", "ip6:1.2.3.4", "ip6:::1/129", "ip6:xyz",
               "ptr/24", "exists", "exists:", "exists:a.example/24", "redirect=", "redirect:a.example", "exp=", "exp=x", "=x", "1x=y", "--all",
               "-", "+", "a,", "a.b", "prt", "v=spf1", "a:b.example/24/64", "include:b.example.", "a:.example", "a:b..example",
               "a:example.-com", "mx:b.example//64", "x.y_z-1=ok", "x=%{d}", "A", "MX", "-ALL", "~InClUdE:b.example", "Redirect=b.example",
               "ip4:192.0.2.0/24", "ip6:2001:db8::/32", "a/0", "a//0", "mx/0//0", "?ptr", "+exists:host.d.net", "ip6:2001:db8::/0",
               "ip6:::ffff:192.0.2.1"]


def case_of(rng: random.Random) -> dict:
    """A client, a sender, and a zone."""
    records: list[list] = []
    failing: list[list] = []

    def domain_spec() -> str:
        choice = rng.random()
        if choice < 0.6:
            return rng.choice(DOMAINS + HOSTS)
        if choice < 0.97:
            parts = [rng.choice(MACROS + ["x", "list", "y-z"]) for _ in range(rng.randint(1, 3))]
            return ".".join(parts) + rng.choice(["", ".", ".example", ".a.example", ".b.example", "._spf.%{d2}", ".list.example"])
        return rng.choice(WRONG_MACROS) + rng.choice(["", ".example"])

    def term() -> str:
        qualifier = rng.choice(["", "", "", "+", "-", "~", "?"])
        kind = rng.choice(["a", "a", "mx", "include", "include", "ip4", "ip6", "exists", "ptr", "all"])
        if kind in ("a", "mx"):
            return qualifier + kind + rng.choice(["", ":" + domain_spec()]) + rng.choice(["", "", "/24", "//64", "/25//48", "/0"])
        if kind == "include" or kind == "exists":
            return f"{qualifier}{kind}:{domain_spec()}"
        if kind == "ptr":
            return qualifier + kind + rng.choice(["", ":" + rng.choice(DOMAINS)])
        if kind == "ip4":
            return f"{qualifier}ip4:192.0.2.{rng.randint(0, 255)}" + rng.choice(["", "/24", "/25", "/31", "/0"])
        if kind == "ip6":
            return f"{qualifier}ip6:2001:db8:{rng.randint(0, 1)}::" + rng.choice(["", "/32", "/48", "/0", "/127"])
        return qualifier + "all" if rng.random() < 0.3 else f"{qualifier}ip4:198.51.100.0/24"

    def record() -> str:
        terms = [term() for _ in range(rng.choice([0, 1, 2, 3, 3, 4, 5, 8]))]
        if rng.random() < 0.1:
            terms.insert(rng.randint(0, len(terms)), rng.choice(WRONG_TERMS))
        if rng.random() < 0.3:
            terms.insert(rng.randint(0, len(terms)), "redirect=" + domain_spec())
        if rng.random() < 0.4:
            terms.insert(rng.randint(0, len(terms)), "exp=" + rng.choice(["why.example", "why.%{d}", "two.example", "no.example", domain_spec()]))
        if rng.random() < 0.7:
            terms.append(rng.choice(["-all", "-all", "~all", "?all", "+all"]))
        return rng.choice(["v=spf1"] * 20 + ["V=SPF1", "v=SpF1", "v=spf10"]) + "".join(rng.choice([" ", " ", "  "]) + one for one in terms)

    for name in DOMAINS:
        choice = rng.random()
        if choice < 0.85:
            text = record()
            cut = rng.randint(1, len(text) - 1)
            records.append([name, "TXT", text] if rng.random() < 0.8 else [name, "TXT", text[:cut], text[cut:]])
        if choice > 0.97 or choice < 0.03:
            records.append([name, "TXT", rng.choice([record(), "other text", "v=spf1"])])
        if choice > 0.99:
            failing.append([name, "TXT"])
        for _ in range(rng.choice([0, 0, 1, 1, 2, 3])):
            records.append([name, "MX", str(rng.choice([0, 10, 10, 20])), rng.choice(HOSTS)])
        if rng.random() < 0.05:
            records.extend([name, "MX", str(i), f"mx{i}.many.example"] for i in range(rng.choice([9, 10, 11])))
    for name in DOMAINS + HOSTS:
        if name in ("nowhere.example", "alias.c.example"):
            continue
        for _ in range(rng.choice([0, 1, 1, 2])):
            address = ipaddress.ip_address(rng.choice(ADDRESSES[:8]))
            records.append([name, "A" if address.version == 4 else "AAAA", str(address)])
    records.append(["alias.c.example", "CNAME", rng.choice(["mx1.a.example", "host.d.net", "nowhere.example"])])
    for kind in ("A", "AAAA"):
        if rng.random() < 0.5:
            failing.append(["dead.example", kind])
    records.append(["why.example", "TXT", rng.choice(["%{i} is not allowed", "See %{d}: %{S} %{c} %{h} %{r}", "broken %{x}", "%{p} %{v}", "100%", ""])])
    for name in DOMAINS[:3]:
        records.append([f"why.{name}", "TXT", f"because of %{{d}} ({name})"])
    records += [["two.example", "TXT", "one"], ["two.example", "TXT", "two"]]
    ip = rng.choice(ADDRESSES)
    client = ipaddress.ip_address(ip)
    client = getattr(client, "ipv4_mapped", None) or client
    if rng.random() < 0.7:
        for host in rng.sample(DOMAINS + HOSTS, rng.randint(1, 3)):
            records.append([client.reverse_pointer, "PTR", host])
            if rng.random() < 0.6 and host != "alias.c.example":
                records.append([host, "A" if client.version == 4 else "AAAA", str(client)])
    elif rng.random() < 0.2:
        failing.append([client.reverse_pointer, "PTR"])
    for prefix in (str(client), client.reverse_pointer.rsplit(".", 2)[0], "alice", "c.b.a"):
        for name in ("list.example", "a.example", "example"):
            if rng.random() < 0.5:
                records.append([f"{prefix}.{name}", "A", "127.0.0.2"])
    local = rng.choice(LOCAL_PARTS)
    mail_from = rng.choice([f"{local}@{rng.choice(DOMAINS)}"] * 40 + ["", "x@nowhere.example", "x@[192.0.2.1]", "x@single"])
    helo = rng.choice(HOSTS + ["mail.a.example", "single", "[192.0.2.1]", "a.example", "c.example"])
    unique = []
    for one in records:
        if one not in unique:
            unique.append(one)
    return {"ip": ip, "helo": helo, "mail_from": mail_from, "records": unique, "failing": failing}


class Peer:
    """pyspf, with its look-ups answered from a case's zone."""

    def __init__(self) -> None:
        import spf
        self.spf = spf

    def check(self, case: dict) -> tuple[str, str, str]:
        """The result, the explanation of a fail (none: its default), and what it complains of."""
        records = collections.defaultdict(list)
        for name, kind, *values in case["records"]:
            value = {"TXT": lambda: tuple(text.encode("latin-1") for text in values), "MX": lambda: (int(values[0]), values[1])}.get(kind)
            records[(name.lower(), kind)].append(value() if value else values[0])
        failing = {(name.lower(), kind) for name, kind in case["failing"]}

        def look_up(name: str, kind: str, strict: bool = True, timeout: float = 20) -> list:
            found = []
            name = name.rstrip(".").lower()
            for _ in range(12):
                if (name, kind) in failing:
                    raise self.spf.TempError("DNS failure")
                answers = records.get((name, kind))
                if answers:
                    return found + [((name, kind), value) for value in answers]
                alias = records.get((name, "CNAME"))
                if not alias:
                    return found
                found.append(((name, "CNAME"), alias[0]))
                name = alias[0]
            return found

        self.spf.DNSLookup = look_up
        query = self.spf.query(i=case["ip"], s=case["mail_from"], h=case["helo"], receiver="receiver.example", strict=True)
        query.t = "0"
        try:
            result, _, words = query.check()
        except Exception as error:  # what it doesn't foresee is a difference like any other
            return "crash", "", repr(error)
        explained = words if result == "fail" and words != self.spf.EXPLANATIONS["fail"] else ""
        return result, explained, words


def texts(case: dict) -> str:
    return " ".join(" ".join(record[2:]) for record in case["records"] if record[1] == "TXT")


# Each class: its name, who is right and why, and whether a difference belongs to it: of the case, ours, and theirs (result,
# explanation, complaint). The first that fits counts.
DIFFERENCES = (
    ("void lookups", "RFC 7208 §4.6.4 limits the terms whose question has no answer. pyspf counts all questions: hosts of MX and PTR records too, "
     "those for %{p}, and the record's own.",
     lambda case, ours, theirs: "Void lookup limit" in theirs[2]),
    ("lookups counted early", "pyspf counts a redirect when it reads the record, also where it is never followed; §4.6.4 counts terms that ask.",
     lambda case, ours, theirs: "Too many DNS lookups" in theirs[2] and "redirect=" in texts(case).lower()),
    ("digits of zero", "%{d0}: §7.3 wants a number that is not zero; pyspf lets it pass.",
     lambda case, ours, theirs: "%{d0}" in texts(case) and ours["result"] == "permerror"),
    ("odd macros", "pyspf lets malformed macros pass (`%{d`, `%{d2x}`, `%{ d}`, a `%` before what is no macro); §7.1's grammar doesn't.",
     lambda case, ours, theirs: ours["result"] == "permerror" and "macro" in ours["lesson"]),
    ("a percent sign at the end", "`%%` is a macro wherever it stands (§7.1); at a term's end pyspf takes its second half for the beginning of one.",
     lambda case, ours, theirs: "invalid-macro-char" in theirs[2] and re.search(r"%%(/| |$)", texts(case))),
    ("odd explanations", "An explanation with a `%` that begins no macro, or with nothing in it, counts as none (§6.2); pyspf lets some pass.",
     lambda case, ours, theirs: ours["result"] == theirs[0] == "fail" and ours["explanation"] == ""),
    ("names of the client fail", "§5.5: where the PTR records or a host of theirs can't be looked up, ptr doesn't match; pyspf gives temperror.",
     lambda case, ours, theirs: theirs[0] == "temperror" and ours["result"] != "temperror" and ("ptr" in texts(case).lower() or "%{p" in texts(case))),
    ("a failure behind a match", "pyspf looks up all hosts of MX records before it compares; one that fails ends it although one before it matches (§5.4: in turn).",
     lambda case, ours, theirs: theirs[0] == "temperror" and ours["result"] != "temperror" and "mx" in texts(case).lower()),
    ("trivial recursion", "An include of the same domain is an error of its own to pyspf, before anything else is evaluated; §4.6.4 ends it at the limit.",
     lambda case, ours, theirs: "trivial recursion" in theirs[2] or "missing domain" in theirs[2]),
    ("a sender without local part", "§4.3: postmaster stands for it, in %{s} too; pyspf has nothing there.",
     lambda case, ours, theirs: case["mail_from"].startswith("@") and ours["result"] == theirs[0]),
    ("modifiers in capitals", "Names of modifiers are ABNF strings, so that REDIRECT= is one (RFC 5234 §2.3); pyspf takes it for an unknown one.",
     lambda case, ours, theirs: "Redirect=" in texts(case)),
    ("unknown modifiers twice", "Only redirect= and exp= may stand once (§6); pyspf refuses any that comes twice.",
     lambda case, ours, theirs: "MUST appear at most once" in theirs[2]),
    ("macros without values", "pyspf finds attributes of its own behind letters, or crashes.",
     lambda case, ours, theirs: theirs[0] == "crash"),
    ("names that can't be", "A name with an empty or too long label exists nowhere (§4.8 leaves it open); pyspf's own checks differ by mechanism.",
     lambda case, ours, theirs: "no name that the DNS can have" in ours["lesson"]),
    ("the client's best name", "%{p} is any one of several names that lead back (§7.3); Pabal and pyspf take another one where none is the domain's.",
     lambda case, ours, theirs: "%{p" in texts(case) and "PTR " in ours["lesson"]),
)


def main() -> int:
    parser = argparse.ArgumentParser(description="SPF by Pabal and by pyspf.")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--seed", type=int, default=7208)
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--show", default="", help="print the differences of this class; 'none': those of no class")
    options = parser.parse_args()
    try:
        peer = Peer()
    except ImportError:
        print("skipped: python3-spf is not here\n0 passed, 0 failed, 1 skipped")
        return 0
    rng = random.Random(options.seed)
    cases = [case_of(rng) for _ in range(options.count)]
    lines = "".join(json.dumps(case) + "\n" for case in cases)
    done = subprocess.run([options.build / "differential" / "differential_spf"], input=lines.encode(), capture_output=True, check=True, timeout=120)
    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    tally = Tally(DIFFERENCES, options.show)
    for case, ours in zip(cases, outcomes, strict=True):
        theirs = peer.check(case)
        tally.take(case, ours, theirs, result=ours["result"], same=(ours["result"], ours["explanation"]) == theirs[:2],
                   words=f"\n  Pabal: {ours}\n  pyspf: {theirs}")
    return tally.end()


if __name__ == "__main__":
    sys.exit(main())
