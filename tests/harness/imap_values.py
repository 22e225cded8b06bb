"""What an IMAP server says, as values: atoms, strings, lists and NIL, read from lines with their literals.

An atom is everything up to a space, a line's end or the `)` of the list that it stands in, so that `BODY[HEADER.FIELDS` is
one, and response codes (`[UIDNEXT`, `5]`) fall into words. Scripts and replies are read alike, so they compare."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Value:
    """kind: "atom", "string", "nil" or "list"; text of the first two (octets as Latin-1), items of the last."""
    kind: str
    text: str = ""
    items: tuple["Value", ...] = ()

    @property
    def is_text(self) -> bool:
        return self.kind in ("atom", "string")

    def __str__(self) -> str:
        if self.kind == "list":
            return "(" + " ".join(map(str, self.items)) + ")"
        return "NIL" if self.kind == "nil" else f'"{self.text}"' if self.kind == "string" else self.text


def words(values: tuple[Value, ...]) -> str:
    return " ".join(map(str, values))


class Broken(ValueError):
    """Octets that are no IMAP values."""


class Reader:
    """Reads values from octets that are there as a whole."""

    def __init__(self, octets: bytes):
        self.text = octets.decode("latin-1")
        self.at = 0

    def values(self, nested: bool = False) -> tuple[Value, ...]:
        found = []
        while True:
            while self.at < len(self.text) and self.text[self.at] == " ":
                self.at += 1
            if self.at == len(self.text):
                if nested:
                    raise Broken(f"a list that doesn't end: {self.text!r}")
                return tuple(found)
            first = self.text[self.at]
            if first == ")" and nested:
                self.at += 1
                return tuple(found)
            if first == "(":
                self.at += 1
                found.append(Value("list", items=self.values(True)))
            elif first == '"':
                found.append(self.quoted())
            elif first == "{" or self.text.startswith("~{", self.at):
                found.append(self.literal())
            else:
                found.append(self.atom(nested))

    def quoted(self) -> Value:
        text = ""
        self.at += 1
        while self.at < len(self.text) and self.text[self.at] != '"':
            if self.text[self.at] == "\\":
                self.at += 1
            text += self.text[self.at:self.at + 1]
            self.at += 1
        if self.at >= len(self.text):
            raise Broken(f"a string that doesn't end: {self.text!r}")
        self.at += 1
        return Value("string", text)

    def literal(self) -> Value:
        end = self.text.find("}\r\n", self.at)
        size = self.text[self.text.index("{", self.at) + 1:end].rstrip("+-")
        if end < 0 or not size.isdigit():
            return self.atom(True)
        begin = end + 3
        self.at = begin + int(size)
        if self.at > len(self.text):
            raise Broken(f"a literal that is cut off: {self.text!r}")
        return Value("string", self.text[begin:self.at])

    def atom(self, nested: bool) -> Value:
        begin = self.at
        while self.at < len(self.text) and self.text[self.at] not in " \r\n" and not (nested and self.text[self.at] == ")"):
            self.at += 1
        text = self.text[begin:self.at]
        if not text:
            raise Broken(f"a line's end inside {self.text!r}")
        return Value("nil") if text.upper() == "NIL" else Value("atom", text)


def read_values(octets: bytes) -> tuple[Value, ...]:
    return Reader(octets).values()
