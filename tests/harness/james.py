"""James's IMAP scripts (../shared/suites/imap/james-mpt): reading one, and saying where a server's answers differ.

`C:` is sent, `S:` is a regular expression of a line, `SUB {` to `}` holds lines in any order, `SESSION: n` changes the
connection, `REINIT` takes a new one. James's words are James's: of a status response count its status and its code, of
FLAGS and PERMANENTFLAGS that James's flags are there, of LIST that its attributes are. James's delimiter is a full stop:
names are sent with our slash, and what we say is compared as if it were his. James's `#user.boby.` is our
`Other Users/` with an address. Lines that James doesn't have may come."""
import dataclasses
import pathlib
import re

from harness.imap_wire import ImapWire

NAMES = re.compile(r"(?i)^(\S+ )(CREATE|DELETE|RENAME|SELECT|EXAMINE|SUBSCRIBE|UNSUBSCRIBE|LIST|LSUB|STATUS|APPEND|COPY|MOVE|UID COPY|UID MOVE)\b(.*)$")
STATUS = re.compile(r"^(?P<tag>\S+) (?P<status>OK|NO|BAD|BYE|PREAUTH)\b ?(?P<rest>.*)$")


@dataclasses.dataclass
class Step:
    """Lines sent in one go, and the expressions that must match what comes."""
    line: int
    session: str
    sent: list[str] = dataclasses.field(default_factory=list)
    wanted: list[str] = dataclasses.field(default_factory=list)


def read_james(path: pathlib.Path) -> list[Step]:
    steps: list[Step] = []
    session = "1"
    for number, line in enumerate(path.read_text().splitlines(), 1):
        line = line.lstrip() if not line.startswith(("C:", "S:")) else line
        if line.startswith("SESSION:"):
            session = line[8:].strip()
        elif line == "REINIT":
            steps.append(Step(number, "REINIT"))
        elif line.startswith("C:"):
            text = line[2:].removeprefix(" ")
            if not steps or steps[-1].wanted or steps[-1].session != session:
                steps.append(Step(number, session))
            steps[-1].sent.append(text)
        elif line.startswith("S:"):
            if not steps or steps[-1].session == "REINIT":
                steps.append(Step(number, session))
            if steps[-1].session != session:
                steps.append(Step(number, session))
            steps[-1].wanted.append(line[2:].removeprefix(" "))
    return steps


def with_slashes(line: str) -> str:
    """A command's mailbox names with our delimiter, and one space where the grammar has one (James takes more)."""
    if '"' not in line:
        line = re.sub(r"(?<=\() +| +(?=\))", "", re.sub(r"(?<=\S) {2,}", " ", line))
    match = NAMES.match(line)
    if match is None:
        return line
    rest = match[3]
    if match[2].upper() == "APPEND":
        name, space, more = rest.lstrip().partition(" ")
        return f"{match[1]}{match[2]} {name.replace('.', '/')}{space}{more}"
    return match[1] + match[2] + rest.replace(".", "/")


def like_james(line: str) -> str:
    """A LIST, LSUB or STATUS of ours as James writes it."""
    if match := re.match(r'^(\* (?:LIST|LSUB)) \((.*?)\) "/" (.*)$', line):
        name = match[3] if match[3].startswith('"') else f'"{match[3]}"'
        return f'{match[1]} ({match[2]}) "." {name.replace("/", ".")}'
    if match := re.match(r'^\* STATUS ("[^"]*"|\S+) (\(.*\))$', line):
        return f'* STATUS "{match[1].strip(chr(34)).replace("/", ".")}" {match[2]}'
    if match := re.match(r'^\* MYRIGHTS ("[^"]*"|\S+) (\S+)$', line):
        # The order is free, and c and d are what older clients know of k, x, t and e (RFC 4314 §2.1.1).
        rights = "".join(sorted(set(match[2].strip(chr(34))) - set("cd")))
        return f'* MYRIGHTS "{match[1].strip(chr(34)).replace("/", ".")}" "{rights}"'
    return line


def flags_in(text: str) -> set[str]:
    found = re.search(r"\(([^()]*)\)", text.replace("\\\\\\", "\\\\").replace("( \\\\\\*)?", ""))
    return set(found[1].lower().split()) if found else set()


def plain(expression: str) -> str:
    """An expression's text where it is one without choices."""
    return re.sub(r"\\(.)", r"\1", expression)


def agrees(wanted: str, said: str) -> bool:
    """Whether a line of ours says what this expression demands."""
    said = like_james(said)
    try:
        if re.fullmatch(wanted, said):
            return True
    except re.error:
        return plain(wanted) == said
    head = STATUS.match(plain(wanted))
    ours = STATUS.match(said)
    if head and ours:
        if "[UIDVALIDITY" in head["rest"]:
            return "[UIDVALIDITY" in ours["rest"]
        if head["tag"] != ours["tag"] or head["status"] != ours["status"]:
            return False
        code = re.match(r"\[([A-Z]+)", head["rest"])
        if code is None or "(\\[.+\\] )?" in wanted:
            return True
        if code[1] == "PERMANENTFLAGS":
            return "PERMANENTFLAGS" in ours["rest"]
        number = re.match(r"\[([A-Z]+ \d+)\]", head["rest"])
        return ours["rest"].startswith("[" + (number[1] + "]" if number else code[1]))
    if wanted.startswith(r"\* FLAGS") and said.startswith("* FLAGS"):
        return flags_in(plain(wanted)) <= flags_in(said)
    if re.match(r"\\\* \d+ FETCH", wanted) and " FETCH (" in said:
        # \\Seen that came with reading may be told with the octets or by itself.
        wanted = re.sub(r"FLAGS \\\(.*?\\\) (?=BODY\\\[|RFC822)", "", wanted)
        if re.fullmatch(wanted, said):
            return True
        front = re.sub(r"FETCH \\\((.*) (UID \d+)\\\)$", lambda m: f"FETCH \\({m[2]} {m[1]}\\)", wanted)
        if re.fullmatch(front, said):
            return True
        # Items in any order, \Recent apart (RFC 9051 has none).
        mine, theirs = (sorted(re.sub(r" ?\\Recent", "", text).replace("( ", "(").replace("(", "( ").replace(")", " )").upper().split())
                        for text in (said, plain(wanted)))
        return mine == theirs
    if re.match(r"\\\* (LIST|LSUB) ", wanted) and (match := re.match(r"^(\* \w+) \((.*?)\)(.*)$", said)):
        theirs = re.match(r"^(\* \w+) \((.*?)\)(.*)$", plain(wanted))
        return bool(theirs) and match[1] == theirs[1] and match[3] == theirs[3] and set(theirs[2].split()) <= set(match[2].split())
    if wanted.startswith(r"\* STATUS") and said.startswith("* STATUS"):
        return sorted(plain(wanted).replace("(", "( ").replace(")", " )").split()) == sorted(
            said.replace("(", "( ").replace(")", " )").split())
    if wanted.startswith(r"\* SEARCH") and said.startswith("* SEARCH"):
        return plain(wanted).split() == said.split()
    if wanted.startswith(r"\+"):
        return said.startswith("+")
    return False


def originals(expunges) -> set[int]:
    """The numbers, before any of them, of the messages that EXPUNGE responses name one after the other."""
    numbers = list(range(1, 1000))
    return {numbers.pop(int(line.split()[1]) - 1) for line in expunges}


class JamesPlay:
    """Plays scripts one after the other over sessions of one user; found() is what differed."""

    def __init__(self, address: str, port: int, user: str, password: str, timeout: float = 4, others: dict[str, str] | None = None):
        """`others`: the addresses of those whom James names `#user.NAME`."""
        self.address, self.port, self.timeout = address, port, timeout
        self.user, self.password = user, password
        self.others = others or {}
        self.wires: dict[str, ImapWire] = {}
        self.differences: list[str] = []

    def wire(self, session: str, logged_in: bool) -> ImapWire:
        if session not in self.wires:
            wire = ImapWire(self.address, self.port, timeout=self.timeout)
            self.wires[session] = wire
            if logged_in:
                wire.response()
                wire.good(f'LOGIN "{self.user}" "{self.password}"')
        return self.wires[session]

    def close(self) -> None:
        for wire in self.wires.values():
            wire.close()
        self.wires.clear()

    def play(self, path: pathlib.Path, logged_in: bool) -> None:
        steps = read_james(path)
        for step in steps:
            if step.session == "REINIT":
                self.close()
                continue
            new = step.session not in self.wires
            wire = self.wire(step.session, logged_in)
            if new and not logged_in and step.sent:
                wire.response()  # the greeting, which the script doesn't mention
            command = with_slashes(step.sent[0]) if step.sent else ""
            command = command.replace("imapuser password", f'"{self.user}" "{self.password}"').replace("imapuser", self.user)
            where = f"{path.stem}:{step.line}: {command or 'greeting'}"
            command = self.with_our_names(command)
            if step.sent:
                octets = "\r\n".join([command, *step.sent[1:]]).encode() + b"\r\n"
                wire.send(octets)
            if not step.wanted:
                continue
            said = self.answers(wire, step, where)
            missing = self.missing(step.wanted, said)
            for expression in missing:
                self.differences.append(f"{where}\n    wants {expression}\n    said  " + "\n          ".join(line[:300] for line in said))

    def with_our_names(self, command: str) -> str:
        """A command with James's names of others' mailboxes, and of one's own by their full name, as ours."""
        command = command.replace(f"#private.{self.user}.", "").replace(f"#private/{self.user}/", "")
        command = command.replace(f"#private&{self.user}", self.user)
        if not self.others:
            return command

        def ours(match: re.Match) -> str:
            whose = "/" + self.others.get(match[1], match[1]) if match[1] else ""
            return f'"Other Users{whose}{match[2].replace(".", "/")}"'
        return re.sub(r'"?#user(?:[./](\w+))?((?:[./][^\s"]*)?)"?', ours, command)

    def as_james_has_it(self, line: str) -> str:
        """With James's names, and each resource of a quota in a line of its own."""
        for name, address in self.others.items():
            line = line.replace(f"Other Users/{address}/", f"#user/{name}/")
        if match := re.match(rf"^\* QUOTAROOT (\S+) {re.escape(self.user)}$", line):
            return f'* QUOTAROOT "#private.imapuser.{match[1]}" #private&imapuser'
        if match := re.match(rf"^\* QUOTA {re.escape(self.user)} \((.*)\)$", line):
            resources = re.findall(r"\S+ \d+ \d+", match[1])
            return "\r\n".join(f"* QUOTA #private&imapuser ({resource})" for resource in resources)
        return line

    def answers(self, wire: ImapWire, step: Step, where: str) -> list[str]:
        """Lines up to the tagged response, or to the continuation or end that the script waits for."""
        tag = step.sent[0].split(" ")[0] if step.sent and step.sent[0].strip() else "*"
        lines: list[str] = []
        last = step.wanted[-1]
        while True:
            try:
                response = wire.response().decode("utf-8", "replace")
            except (EOFError, OSError):
                lines.append("(closed)")
                return lines
            lines += self.as_james_has_it(response).split("\r\n")
            if response.startswith(tag + " ") and tag != "*":
                return lines
            if response.startswith("* BYE") and "BYE" in last:
                return lines
            if (response.startswith("+") and last.startswith(r"\+")) or tag == "*":
                return lines

    @staticmethod
    def missing(wanted: list[str], said: list[str]) -> list[str]:
        left = list(said)
        missing = []
        removed = [expression for expression in wanted if re.fullmatch(r"\\\* \d+ EXPUNGE", expression)]
        if removed and originals(map(plain, removed)) == originals(line for line in said if line.endswith(" EXPUNGE")):
            wanted = [expression for expression in wanted if expression not in removed]
        for expression in wanted:
            # How many are recent, and whether it is told with a removal, is each server's own matter.
            if expression.endswith(" RECENT") and (removed or any(line.endswith(" RECENT") for line in said)):
                continue
            hit = next((line for line in left if agrees(expression, line)), None)
            if hit is None:
                missing.append(expression)
            else:
                left.remove(hit)
        return missing
