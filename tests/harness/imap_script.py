"""Scripted IMAP tests as ImapTest has them (../shared/suites/imap/imaptest-sample/scripted_test.md): reading a script.

Beyond what that page says, also read: `user N:` in the header (who connection N is), literals over several lines (`{{{`
to `}}}`, `~{{{` for binary ones), `? ` before a reply that may come, `!sleep`, `!ordered`, `!output`, and replies before
any command (the greeting)."""
import dataclasses
import os
import pathlib
import re

from harness.imap_values import Value, read_values

STATES = ("nonauth", "auth", "created", "appended", "selected")


class ScriptError(ValueError):
    """A script that can't be read."""


@dataclasses.dataclass
class Expected:
    """An untagged reply that must (`*`), must not (`!`) or may (`?`) come."""
    mark: str
    values: tuple[Value, ...]


@dataclasses.dataclass
class Command:
    line: int
    octets: bytes
    tag: int = 0
    reply: tuple[Value, ...] | None = None


@dataclasses.dataclass
class Group:
    """Commands that are sent at once over one connection (one, unless they have tags), and what must be said."""
    connection: int = 0
    commands: list[Command] = dataclasses.field(default_factory=list)
    untagged: list[Expected] = dataclasses.field(default_factory=list)
    ordered: bool = False
    sleep: float = 0

    @property
    def waiting(self) -> bool:
        return any(command.reply is None for command in self.commands)

    @property
    def expects_bye(self) -> bool:
        return any(one.mark == "*" and one.values and one.values[0].text.lower() == "bye" for one in self.untagged)


@dataclasses.dataclass
class Script:
    name: str
    mbox: pathlib.Path
    capabilities: list[str] = dataclasses.field(default_factory=list)
    connections: int = 1
    messages: int | None = None  # all of the mbox
    state: str = "selected"
    ignore_extra: bool = True
    users: dict[int, str] = dataclasses.field(default_factory=dict)
    groups: list[Group] = dataclasses.field(default_factory=list)

    @property
    def begins_with_greeting(self) -> bool:
        return bool(self.groups) and not self.groups[0].commands


FROM_LINE = re.compile(rb"From \S+ +\w{3} (\w{3}) +(\d+) (\d\d:\d\d:\d\d) (\d{4})(?: ([+-]\d{4}))?")


@dataclasses.dataclass
class Letter:
    date: str  # as APPEND takes it: that of the From line
    octets: bytes = b""


def read_mbox(path: pathlib.Path) -> list[Letter]:
    """The messages with CRLF; the empty line before the next From line belongs to its message."""
    letters: list[Letter] = []
    for line in path.read_bytes().splitlines():
        if match := FROM_LINE.match(line):
            month, day, time, year, zone = (part.decode() for part in match.groups(b"+0000"))
            letters.append(Letter(f"{int(day):2}-{month}-{year} {time} {zone}"))
        else:
            letters[-1].octets += line + b"\r\n"
    return letters


def read_script(path: pathlib.Path) -> Script:
    own = path.with_name(path.name + ".mbox")
    script = Script(path.name, own if own.exists() else path.with_name("default.mbox"))
    parser = Parser(script)
    in_header = True
    for number, octets in logical_lines(path.read_bytes()):
        if not octets:
            in_header = False
        elif octets.startswith(b"#"):
            continue
        else:
            try:
                if in_header:
                    parser.header(octets.decode())
                else:
                    parser.line(number, octets)
            except ScriptError as error:
                raise ScriptError(f"{path.name}:{number}: {error}") from error
    parser.end()
    return script


def logical_lines(octets: bytes):
    """Lines by number; one that opens a literal has it in it as IMAP sends it."""
    whole = begin = None
    pieces: list[bytes] = []
    binary = False
    for number, line in enumerate(octets.split(b"\n"), 1):
        if whole is None:
            whole, begin = b"", number
        elif not line.startswith(b"}}}"):
            pieces.append(line)
            continue
        else:
            text = (b"\n" if binary else b"\r\n").join(pieces)
            whole += (b"~" if binary else b"") + b"{%d}\r\n" % len(text) + text
            line = line[3:]
        if line.endswith(b"{{{"):
            binary = line.endswith(b"~{{{")
            whole += line[:-4 if binary else -3]
            pieces = []
            continue
        yield begin, whole + line
        whole = None
    if whole is not None:
        raise ScriptError(f"the literal of line {begin} doesn't end")


class Parser:
    def __init__(self, script: Script):
        self.script = script
        self.group: Group | None = None
        self.conditions: list[bool] = []

    def header(self, line: str) -> None:
        key, colon, value = line.partition(":")
        key, value = key.strip().lower(), value.strip()
        script = self.script
        if not colon:
            raise ScriptError("a header line without a colon")
        if key == "capabilities":
            script.capabilities = value.upper().split()
        elif key == "connections":
            script.connections = int(value)
        elif key == "messages":
            script.messages = None if value == "all" else int(value)
        elif key == "ignore_extra_untagged":
            script.ignore_extra = value.startswith("y")
        elif key == "state" and value.lower() in STATES:
            script.state = value.lower()
        elif match := re.fullmatch(r"user (\d+)", key):
            script.users[int(match[1]) - 1] = value
        else:
            raise ScriptError(f"what is {line!r}?")

    def line(self, number: int, octets: bytes) -> None:
        word, _, rest = octets.decode("latin-1").partition(" ")
        if word in ("!ifenv", "!ifnenv"):
            self.conditions.append((rest in os.environ) == (word == "!ifenv"))
        elif word == "!else" and self.conditions:
            self.conditions[-1] = not self.conditions[-1]
        elif word == "!endif" and self.conditions:
            self.conditions.pop()
        elif all(self.conditions):
            self.command_line(number, octets)

    def command_line(self, number: int, octets: bytes) -> None:
        group = self.group
        if group is not None:
            if octets.startswith(b"!sleep "):
                group.sleep = seconds(octets[7:].decode())
                return
            if octets.startswith(b"!output "):
                return
            if octets == b"!ordered":
                group.ordered = True
                return
            if octets[:2] in (b"* ", b"! ", b"? "):
                group.untagged.append(expected(octets))
                return
            if group.waiting and self.reply(octets):
                return
        elif octets[:2] in (b"* ", b"! ", b"? "):  # the greeting
            self.group = Group(untagged=[expected(octets)])
            self.script.groups.append(self.group)
            return
        if group is None or not group.waiting:
            self.group = group = Group()
            self.script.groups.append(group)
        connection, octets = self.connection(octets)
        if group.commands and (group.connection != connection):
            raise ScriptError("commands of one group over two connections")
        group.connection = connection
        tag, status, rest = split_reply(octets)
        if tag == 0 and group.commands:
            raise ScriptError(f"the command of line {group.commands[-1].line} has no reply")
        if any(tag == command.tag for command in group.commands):
            raise ScriptError(f"tag{tag} twice in a group")
        reply = None if status is None else (Value("atom" if status else "string", status),)
        group.commands.append(Command(number, rest, tag, reply))

    def connection(self, octets: bytes) -> tuple[int, bytes]:
        if self.script.connections == 1:
            return 0, octets
        number, _, rest = octets.partition(b" ")
        if not number.isdigit() or not 1 <= int(number) <= self.script.connections:
            raise ScriptError("no connection's number before the command")
        return int(number) - 1, rest

    def reply(self, octets: bytes) -> bool:
        """A tagged reply of the second or third method."""
        number, _, rest = octets.partition(b" ")
        if number.isdigit():
            octets = rest
        tag, status, _ = split_reply(octets)
        if status is None:
            return False
        for command in self.group.commands:
            if command.tag == tag and command.reply is None:
                command.reply = read_values(octets)[1 if tag else 0:]
                return True
        raise ScriptError("a reply to no command")

    def end(self) -> None:
        if self.group is None or self.group.waiting or self.conditions:
            raise ScriptError(f"{self.script.name}: it ends too early")


def split_reply(octets: bytes) -> tuple[int, str | None, bytes]:
    """The number of the tag (0: none), the status if there is one ("" for any), what stands behind both."""
    tag = 0
    if match := re.match(rb"tag([1-9]\d*) ", octets, re.IGNORECASE):
        tag = int(match[1])
        octets = octets[match.end():]
    word, _, rest = octets.partition(b" ")
    status = {b"ok": "ok", b"no": "no", b"bad": "bad", b'""': ""}.get(word.lower())
    return tag, status, octets if status is None else rest


def seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+) ?(msecs?|ms|s|secs?|seconds?)?", text.strip())
    if match is None:
        raise ScriptError(f"no interval: {text!r}")
    return int(match[1]) / (1000 if (match[2] or "s").startswith("m") else 1)


def expected(octets: bytes) -> Expected:
    values = read_values(octets[2:])
    name = ""
    if values and values[0].kind == "atom":
        name = values[0].text
        if name[:1] in "$0123456789":
            name = values[1].text if len(values) > 1 and values[1].kind == "atom" else ""
    return Expected(octets[:1].decode(), with_defaults(name.lower(), values))


def directive(text: str) -> Value:
    return Value("atom", "$!" + text)


FLAGS_LIST = tuple(map(directive, ("unordered", "noextra", "ignore=\\recent", "ignore=$HasAttachment",
                                   "ignore=$HasNoAttachment")))


def with_defaults(name: str, values: tuple[Value, ...]) -> tuple[Value, ...]:
    """The directives that lists have where they say none themselves."""
    where = {"list": 1, "lsub": 1, "status": 2, "fetch": 2}.get(name)
    if where is None or where >= len(values) or values[where].kind != "list":
        return values
    items = values[where].items
    if name == "fetch":
        items = tuple(Value("list", items=FLAGS_LIST + one.items)
                      if one.kind == "list" and before.text.lower() == "flags" and not has_directives(one.items) else one
                      for before, one in zip((Value("nil"),) + items, items))
    if not has_directives(items):
        items = (directive("unordered" if where == 1 else "unordered=2"),) + items
    return values[:where] + (Value("list", items=items),) + values[where + 1:]


def has_directives(items: tuple[Value, ...]) -> bool:
    return bool(items) and items[0].kind == "atom" and items[0].text.startswith("$!")
