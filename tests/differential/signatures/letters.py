"""Letters, and what may happen to them on their way, for compare.py: made from a seed."""
import random
import re
import typing

WORDS = ("pabal", "relay", "post", "of", "old", "Korea", "horse", "letter", "=20", "--", "\t", "  ", "파발", "é", "a" * 70, "http://a.example/?b=c;d")


def words(dice: random.Random, most: int) -> str:
    return " ".join(dice.choice(WORDS) for _ in range(dice.randint(1, most)))


def folded(dice: random.Random, text: str) -> str:
    return re.sub(r" (?=\S)", lambda _: dice.choice((" ", " ", " ", "\r\n ", "\r\n\t", "  ")), text)


def letter(dice: random.Random) -> bytes:
    """A header section that is right, in forms that are seen; a body of any lines."""
    fields = [f"From: {dice.choice(('Alice <alice@a.example>', 'alice@a.example', '앨리스 <alice@a.example>'))}",
              f"Date: Sun, 22 Nov 2026 10:00:{dice.randint(10, 59)} +0000", f"Subject:{dice.choice((' ', '', '  ', chr(9)))}" + folded(dice, words(dice, 12).strip() or "x")]
    fields += [f"To: bob{i}@b.example" for i in range(dice.choice((0, 1, 1, 1, 2)))]
    fields += [folded(dice, f"Received: from a{i} by b{i} with ESMTP; Sun, 22 Nov 2026 10:00:00 +0000") for i in range(dice.randint(0, 3))]
    if dice.random() < 0.5:
        fields.append(f"Message-ID: <{dice.randrange(10**9)}@a.example>")
    if dice.random() < 0.3:
        fields.append("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8")
    dice.shuffle(fields)
    lines = []
    for _ in range(dice.choice((0, 1, 3, 10, 60))):
        lines.append(dice.choice(("", "", " ", "\t ", words(dice, 14), words(dice, 3) + dice.choice(("", " ", "\t"))), ))
    return ("\r\n".join(fields) + "\r\n\r\n" + "".join(line + "\r\n" for line in lines)).encode()


def in_signature(change: typing.Callable[[str], str]) -> typing.Callable[[bytes, random.Random], bytes]:
    """A change of the first signature's text."""
    def changed(octets: bytes, _dice: random.Random) -> bytes:
        head, separator, body = octets.partition(b"\r\n\r\n")
        fields = re.split(rb"\r\n(?![ \t])", head)
        for i, field in enumerate(fields):
            if field.lower().startswith((b"dkim-signature:", b"arc-message-signature:")):
                name, _, value = field.decode("utf-8", "surrogateescape").partition(":")
                fields[i] = f"{name}:{change(value)}".encode("utf-8", "surrogateescape")
                break
        return b"\r\n".join(fields) + separator + body
    return changed


def tag(name: str, replacement: str) -> typing.Callable[[bytes, random.Random], bytes]:
    """The value of a tag replaced; without one, the tag goes."""
    def change(value: str) -> str:
        tags = value.rstrip("; \r\n").split(";")
        kept = []
        for text in tags:
            if text.split("=")[0].strip() != name:
                kept.append(text)
            elif replacement:
                kept.append(f" {name}={replacement}")
        return ";".join(kept)
    return in_signature(change)


def flip(name: str) -> typing.Callable[[bytes, random.Random], bytes]:
    """A tag's value with another letter early in it."""
    def change(value: str) -> str:
        return re.sub(rf"((?:^|;)\s*{name}\s*=\s*\S)(\S)", lambda m: m[1] + ("A" if m[2] != "A" else "B"), value, count=1)
    return in_signature(change)


def body(change: typing.Callable[[bytes, random.Random], bytes]) -> typing.Callable[[bytes, random.Random], bytes]:
    def changed(octets: bytes, dice: random.Random) -> bytes:
        head, separator, rest = octets.partition(b"\r\n\r\n")
        return head + separator + change(rest, dice)
    return changed


def case_of_names(octets: bytes, _dice: random.Random) -> bytes:
    head, separator, rest = octets.partition(b"\r\n\r\n")
    return re.sub(rb"(?m)^(To|Subject|Date|From):", lambda m: m[1].upper() + b" :", head) + separator + rest


Change = typing.Callable[[bytes, random.Random], bytes]
CHANGES: dict[str, Change] = {
    "none": lambda o, d: o,
    "body-line-added": body(lambda b, d: b + b"added\r\n"),
    "body-empty-lines-added": body(lambda b, d: b + b"\r\n\r\n"),
    "body-white-line-added": body(lambda b, d: b + b"  \r\n"),
    "body-white-space-at-ends": body(lambda b, d: b.replace(b"\r\n", b" \r\n")),
    "body-spaces-doubled": body(lambda b, d: b.replace(b" ", b"  ")),
    "body-letter-changed": body(lambda b, d: b.replace(b"e", b"E", 1)),
    "body-cut": body(lambda b, d: b[:len(b) // 2]),
    "body-last-line-end-cut": body(lambda b, d: b[:-2] if b.endswith(b"\r\n") else b),
    "field-names-in-capitals": case_of_names,
    "field-folded-anew": lambda o, d: re.sub(rb"(?m)^(Subject:.*)$", lambda m: m[1].rstrip() + b"\r\n \t", o.replace(b"\r\n\r\n", b"\r\n\r\n", 1), count=1) if b"Subject:" in o else o,
    "field-changed": lambda o, d: re.sub(rb"(?m)^Date: Sun", b"Date: Mon", o, count=1),
    "from-added-above": lambda o, d: b"From: eve@e.example\r\n" + o,
    "subject-added-above": lambda o, d: b"Subject: another\r\n" + o,
    "other-added-above": lambda o, d: b"Received: by mx.example; Sun, 22 Nov 2026 10:00:00 +0000\r\nX-Other: field\r\n" + o,
    "subject-removed": lambda o, d: re.sub(rb"(?m)^Subject:.*\r\n(?:[ \t].*\r\n)*", b"", o, count=1),
    "lf": lambda o, d: o.replace(b"\r\n", b"\n"),
    "b-changed": flip("b"),
    "bh-changed": flip("bh"),
    "b-with-white-space": in_signature(lambda v: re.sub(r"((?:^|;)\s*b=\S{9})", r"\1 \r\n\t", v, count=1)),
    "b-white-space-around": in_signature(lambda v: re.sub(r"((?:^|;)\s*b=)([^;]*)", r"\1 \2 ", v, count=1)),
    "b-no-base64": tag("b", "!!!!"),
    "no-v": tag("v", ""), "no-a": tag("a", ""), "no-b": tag("b", ""), "no-bh": tag("bh", ""), "no-c": tag("c", ""), "no-d": tag("d", ""),
    "no-h": tag("h", ""), "no-s": tag("s", ""), "no-t": tag("t", ""), "no-q": tag("q", ""),
    "v2": tag("v", "2"), "sha1": tag("a", "rsa-sha1"), "unknown-algorithm": tag("a", "rsa-sha512"), "other-domain": tag("d", "other.example"),
    "h-without-from": tag("h", "subject:date"), "t-no-number": tag("t", "soon"),
    "unknown-tag": in_signature(lambda v: v.rstrip("; \r\n") + "; zz=1"),
    "tag-twice": in_signature(lambda v: v.rstrip("; \r\n") + "; s=other"),
    "empty-tag": in_signature(lambda v: v.rstrip("; \r\n") + "; ; zz=1"),
    "identity-elsewhere": in_signature(lambda v: v.rstrip("; \r\n") + "; i=a@other.example"),
    "ended": in_signature(lambda v: v.rstrip("; \r\n") + "; x=1"),
    "longer-than-the-body": in_signature(lambda v: v.rstrip("; \r\n") + "; l=999999"),
}
