"""What a script of imap_script.py expects beside what the server said: variables, lists in any order, prefixes."""
import re

from harness.imap_values import Value


class Unset(ValueError):
    """A command needs a variable that has no value yet."""


class Matcher:
    """The variables of one play. match() leaves those that a mismatch would have set as they were."""

    def __init__(self, variables: dict[str, str]):
        self.variables = dict(variables)
        self.numbers: list[int] = []  # the messages by their numbers at the command's beginning; 0: expunged since
        self.modseq = (0, 0)  # the last index of a $modseqN, and its value

    def begin(self, exists: int) -> None:
        self.numbers = list(range(1, exists + 1))

    def expunged(self, number: int) -> None:
        self.numbers = [0 if now == number else now - 1 if now > number else now for now in self.numbers]

    def number_now(self, name: str) -> str:
        at = int(name)
        now = self.numbers[at - 1] if 1 <= at <= len(self.numbers) else 0
        return str(now) if now else "<none>"

    # What is sent.
    def expand(self, octets: bytes) -> bytes:
        def value(match: re.Match) -> str:
            if match[0] == "$$":
                return "$"
            name = match[1] or match[2] or ""
            if name.isdigit():
                return self.number_now(name)
            if name not in self.variables:
                raise Unset(f"${name} has no value")
            return self.variables[name]
        return re.sub(r"\$\$|\$(?:\{([^}]*)\}|(\w+))", value, octets.decode("latin-1")).encode("latin-1")

    # What is said.
    def match(self, expected: tuple[Value, ...], said: tuple[Value, ...], prefix: bool) -> bool:
        before, modseq = dict(self.variables), self.modseq
        if self.match_all(expected, said, prefix):
            return True
        self.variables, self.modseq = before, modseq
        return False

    def match_all(self, expected: tuple[Value, ...], said: tuple[Value, ...], prefix: bool) -> bool:
        at = 0
        for index, want in enumerate(expected):
            last = prefix and index + 1 == len(expected)
            if want.is_text and want.text == "$]":
                while at < len(said) and said[at].kind == "atom" and "]" not in said[at].text:
                    at += 1
                at += 1
                continue
            if at >= len(said):
                return last and want.is_text and want.text == ""
            if not self.match_one(want, said[at], last):
                return False
            at += 1
        return prefix or at == len(said)

    def match_one(self, want: Value, said: Value, prefix: bool) -> bool:
        if want.kind == "nil":
            return said.kind == "nil"
        if want.kind == "list":
            return said.kind == "list" and self.match_list(want.items, said.items)
        if said.kind == "list":
            return want.text == "$"
        if not said.is_text:
            return False
        return self.match_text(want.text, said.text, prefix)

    def match_text(self, want: str, said: str, prefix: bool) -> bool:
        """Without regard to case but in ${case:…} and the values of variables."""
        while want:
            if want[0] != "$" or want[1:2] == "$":
                want = want[1:] if want[0] == "$" else want
                if said[:1].lower() != want[0].lower():
                    return False
                want, said = want[1:], said[1:]
                continue
            match = re.match(r"\$(?:\{([^}]*)\}|(\w*))", want)
            name, want = match[1] if match[1] is not None else match[2], want[match.end():]
            value = self.value_of(name)
            if value is None:
                # It reaches to where what stands behind it could begin.
                stop = self.first_of(want)
                end = len(said) if stop == "" else said.lower().find(stop.lower())
                value = said[:end if end >= 0 else len(said)]
                if name and not self.set(name, value):
                    return False
            if not said.startswith(value):
                return False
            said = said[len(value):]
        return prefix or said == ""

    def first_of(self, want: str) -> str:
        if not want.startswith("$") or want.startswith("$$"):
            return want[:1]
        match = re.match(r"\$(?:\{([^}]*)\}|(\w*))", want)
        return (self.value_of(match[1] if match[1] is not None else match[2]) or "")[:1]

    def value_of(self, name: str) -> str | None:
        if name.isdigit():
            return self.number_now(name)
        if name.startswith("case:"):
            return name[5:]
        return self.variables.get(name) if name else None

    def set(self, name: str, value: str) -> bool:
        if match := re.fullmatch(r"modseq(\d+)", name):
            index, least = int(match[1]), self.modseq[1] + int(match[1]) - self.modseq[0]
            if not value.isdigit() or index < self.modseq[0] or int(value) < least:
                return False
            self.modseq = (index, int(value))
        self.variables[name] = value
        return True

    def match_list(self, want: tuple[Value, ...], said: tuple[Value, ...]) -> bool:
        unordered, chain, extra = False, 1, None
        ignored, banned = set(), set()
        while want and want[0].kind == "atom" and want[0].text.startswith("$!"):
            word, _, argument = want[0].text[2:].partition("=")
            want = want[1:]
            if word == "unordered":
                unordered, chain = True, int(argument or 1)
                extra = True if extra is None else extra
            elif word == "ordered":
                unordered = False
            elif word in ("extra", "noextra"):
                extra = word == "extra"
            elif word == "ignore":
                ignored.add(argument.lower())
            elif word == "ban":
                banned.add(argument.lower())
            else:
                raise ValueError(f"unknown directive $!{word}")
        if not unordered:
            return self.match_all(want, said, False)
        if len(said) % chain or len(want) % chain:
            return False
        links = [said[at:at + chain] for at in range(0, len(said), chain)]
        found: set[int] = set()
        for at in range(0, len(want), chain):
            for index, link in enumerate(links):
                if self.match(want[at:at + chain], link, False):
                    found.add(index)
                    break
            else:
                return False
        others = {link[0].text.lower() for index, link in enumerate(links) if index not in found and link[0].is_text}
        return not (others & banned) if extra else others <= ignored
