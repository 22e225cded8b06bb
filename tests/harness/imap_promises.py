"""What IMAP has promised: a writer changes the mailboxes of an account one command after another and knows after each OK how they
must be. When the connection breaks (the server was killed) the command under way may have happened or not, whole: as soon as the
server is back everything must be as it was before that command, or as it must be after it."""
import dataclasses
import hashlib
import random
import re
import threading
import time

from harness.imap_wire import ImapWire
from harness.server import PASSWORD, Server

FLAGS = (r"\Seen", r"\Flagged", r"\Answered", r"\Deleted", "$Junk", "work")
MOST = 40  # letters in a mailbox
BOXES = [f"box-{number}" for number in range(4)]
FETCHED = re.compile(rb"\* \d+ FETCH \(UID (\d+) FLAGS \(([^)]*)\) BODY\[\] \{(\d+)\}\r\n")
CODE = re.compile(rb"\[(?:APPENDUID \d+|COPYUID \d+ [\d:,]+) ([\d:,]+)\]")


@dataclasses.dataclass(frozen=True)
class Letter:
    uid: int | None  # None: it isn't known yet
    digest: str
    flags: frozenset[str]

    def fits(self, there: "Letter") -> bool:
        return self.uid in (None, there.uid) and (self.digest, self.flags) == (there.digest, there.flags)


State = dict[str, list[Letter]]  # mailboxes, their letters in the order of their UIDs


def fits(expected: State, there: State) -> bool:
    return expected.keys() == there.keys() and all(
        len(letters) == len(there[name]) and all(one.fits(other) for one, other in zip(letters, there[name], strict=True))
        for name, letters in expected.items())


def difference(expected: State, there: State) -> str:
    words = []
    for name in sorted(expected.keys() | there.keys()):
        ours, theirs = expected.get(name), there.get(name)
        if ours is None or theirs is None:
            words.append(f"{name} is {'not expected' if ours is None else 'gone'}")
        elif not fits({name: ours}, {name: theirs}):
            words.append(f"{name}: expected {[(one.uid, one.digest[:6], sorted(one.flags)) for one in ours]}, there are "
                         f"{[(one.uid, one.digest[:6], sorted(one.flags)) for one in theirs]}")
    return "; ".join(words)[:3000]


def numbers(text: bytes) -> list[int]:
    """The numbers of a set as servers write it."""
    out = []
    for part in text.decode().split(","):
        first, _, last = part.partition(":")
        out += range(int(first), int(last or first) + 1)
    return out


@dataclasses.dataclass
class Change:
    """A command, and how everything must be once it is done."""
    mailbox: str  # to be selected; empty: none
    words: bytes
    after: State
    grows: str = ""  # where new letters are, whose UIDs the answer tells


class ImapWriter(threading.Thread):
    def __init__(self, server: Server, user: int, seed: int):
        super().__init__(daemon=True)
        self.server = server
        self.user = user
        self.chooser = random.Random(seed)
        self.state: State | None = None
        self.doubt: Change | None = None
        self.done: dict[str, int] = {}  # commands that were answered OK
        self.doubts = 0
        self.happened = 0  # of those in doubt
        self.wrong: list[str] = []
        self.over = threading.Event()
        self.letters = 0

    def run(self) -> None:
        while not self.over.is_set() and not self.wrong:
            try:
                self.session()
            except (OSError, EOFError):
                time.sleep(0.02)  # the server died; what was under way is in doubt
            except AssertionError as error:
                self.wrong.append(f"user{self.user}: {error}")

    def session(self) -> None:
        wire = self.connect()
        try:
            self.look(wire)
            while not self.over.is_set() and not self.wrong:
                self.step(wire)
        finally:
            wire.close()

    def connect(self) -> ImapWire:
        wire = ImapWire(self.server.address, self.server.ports["imap"], timeout=60)
        wire.response()
        wire.good(f"LOGIN user{self.user}@{self.server.domain} \"{PASSWORD}\"")
        return wire

    def verify(self) -> None:
        """At the end, with the server at rest."""
        wire = self.connect()
        try:
            self.look(wire)
        finally:
            wire.close()

    def look(self, wire: ImapWire) -> None:
        there = self.read(wire)
        if self.state is not None and not fits(self.state, there):
            if self.doubt is None:
                self.wrong.append(f"user{self.user}: {difference(self.state, there)}")
            elif not fits(self.doubt.after, there):
                self.wrong.append(f"user{self.user}: {self.doubt.words[:200]!r} happened by half; before: "
                                  f"{difference(self.state, there)}; after: {difference(self.doubt.after, there)}")
            else:
                self.happened += 1
        self.doubts += 1 if self.doubt is not None else 0
        self.state, self.doubt = there, None

    def read(self, wire: ImapWire) -> State:
        state: State = {}
        names = [line.rsplit(b" ", 1)[1].decode().strip('"') for line in wire.good('LIST "" *')]
        asked = []
        for name in names:  # all at once: the next kill is near
            asked.append((wire.tag(), wire.tag()))
            wire.send(f"{asked[-1][0]} EXAMINE {name}\r\n{asked[-1][1]} UID FETCH 1:* (UID FLAGS BODY.PEEK[])\r\n".encode())
        for name, (examined, fetched) in zip(names, asked, strict=True):
            self.ok(wire.until(examined))
            letters = []
            for response in self.ok(wire.until(fetched)):
                if response.endswith((b" EXISTS", b" RECENT")) or b" FETCH " not in response:
                    continue
                found = FETCHED.match(response)
                if found is None:
                    raise AssertionError(f"what is {response[:300]!r}")
                text = response[found.end():found.end() + int(found[3])]
                letters.append(Letter(int(found[1]), hashlib.sha256(text).hexdigest(),
                                      frozenset(found[2].decode().split()) - {r"\Recent"}))
            state[name] = letters
        wire.good("UNSELECT")
        return state

    @staticmethod
    def ok(responses: list[bytes]) -> list[bytes]:
        if responses[-1].split(b" ")[1] != b"OK":
            raise AssertionError(f"{responses[-1]!r}")
        return responses[:-1]

    def step(self, wire: ImapWire) -> None:
        change = self.change()
        if change is None:
            return
        self.doubt = change
        if change.mailbox:
            tags = [wire.tag() for _ in range(3)]
            wire.send(f"{tags[0]} SELECT {change.mailbox}\r\n{tags[1]} ".encode() + change.words + f"\r\n{tags[2]} UNSELECT\r\n".encode())
            self.ok(wire.until(tags[0]))
            came = wire.until(tags[1])
        else:
            came = wire.ask(change.words)
        if came[-1].split(b" ")[1] != b"OK":
            raise AssertionError(f"{change.words[:200]!r}: {came[-1]!r}")
        if change.grows:
            code = next((found for line in came if (found := CODE.search(line))), None)
            uids = numbers(code[1]) if code else []
            letters = change.after[change.grows]
            new = [at for at, letter in enumerate(letters) if letter.uid is None]
            if len(new) != len(uids):
                raise AssertionError(f"{change.words[:200]!r}: {len(uids)} UIDs for {len(new)} letters")
            for at, uid in zip(new, uids, strict=True):
                letters[at] = dataclasses.replace(letters[at], uid=uid)
        self.state, self.doubt = change.after, None
        verb = change.words.split(b" ")[1 if change.words.startswith(b"UID") else 0].decode()
        self.done[verb] = self.done.get(verb, 0) + 1
        if change.mailbox:
            self.ok(wire.until(tags[2]))

    def some_flags(self) -> frozenset[str]:
        return frozenset(self.chooser.sample(FLAGS, self.chooser.randrange(4)))

    def change(self) -> Change | None:
        """Something that can be done now; nothing: that can't."""
        assert self.state is not None
        pick = self.chooser
        after = {name: list(letters) for name, letters in self.state.items()}
        name = pick.choice(sorted(after))
        letters = after[name]
        chosen = sorted(pick.sample(range(len(letters)), pick.randrange(1, len(letters) + 1))) if letters else []
        uids = ",".join(str(letters[at].uid) for at in chosen)
        kind = pick.randrange(20)
        if kind < 6:
            return self.append(after, name) if len(letters) < MOST else self.expunge(after, name)
        if kind == 18:
            return self.boxes(after)
        if not letters:
            return None
        if kind < 11:
            how, flags = pick.choice(("", "+", "-")), self.some_flags()
            for at in chosen:
                was = letters[at].flags
                letters[at] = dataclasses.replace(letters[at], flags=flags if how == "" else was | flags if how == "+" else was - flags)
            return Change(name, f"UID STORE {uids} {how}FLAGS{pick.choice(('', '.SILENT'))} ({' '.join(flags)})".encode(), after)
        if kind < 17:
            to = pick.choice(sorted(after))
            if len(after[to]) + len(chosen) > MOST:
                return self.expunge(after, name)
            new = [dataclasses.replace(letters[at], uid=None) for at in chosen]
            verb = pick.choice(("COPY", "MOVE"))
            if verb == "MOVE":
                for at in reversed(chosen):
                    del letters[at]
            after[to] += new
            return Change(name, f"UID {verb} {uids} {to}".encode(), after, to)
        return self.expunge(after, name)

    def append(self, after: State, name: str) -> Change:
        words = f"APPEND {name}".encode()
        for _ in range(self.chooser.choice((1, 1, 1, 2, 3))):
            self.letters += 1
            size = self.chooser.choice((200, 3000, 20_000, 60_000, 400_000 if self.letters % 5 == 0 else 100))
            text = f"X-Writer: {self.user} {self.letters} {self.chooser.randrange(2**60)}\r\n\r\n".encode()
            text += self.chooser.randbytes(self.chooser.randrange(size)).hex(" ", 32).replace(" ", "\r\n").encode() + b"\r\n"
            flags = self.some_flags()
            words += f" ({' '.join(flags)}) {{{len(text)}}}\r\n".encode() + text
            after[name].append(Letter(None, hashlib.sha256(text).hexdigest(), flags))
        return Change("", words, after, name)

    def expunge(self, after: State, name: str) -> Change:
        """Of all that are \\Deleted, or of some of them; where there is none of some without it, by marking them first."""
        gone = [letter for letter in after[name] if r"\Deleted" in letter.flags]
        if len(after[name]) >= MOST and len(gone) < MOST // 4:
            half = [letter.uid for letter in after[name][::2]]
            after[name] = [dataclasses.replace(letter, flags=letter.flags | {r"\Deleted"}) if letter.uid in half else letter
                           for letter in after[name]]
            return Change(name, f"UID STORE {','.join(map(str, half))} +FLAGS.SILENT (\\Deleted)".encode(), after)
        if gone and self.chooser.randrange(2):
            gone = self.chooser.sample(gone, self.chooser.randrange(1, len(gone) + 1))
            words = f"UID EXPUNGE {','.join(str(letter.uid) for letter in gone)}"
        else:
            words = "EXPUNGE"
        after[name] = [letter for letter in after[name] if letter not in gone]
        return Change(name, words.encode(), after)

    def boxes(self, after: State) -> Change:
        there = [name for name in BOXES if name in after]
        free = [name for name in BOXES if name not in after]
        if free and (not there or self.chooser.randrange(3) == 0):
            name = self.chooser.choice(free)
            after[name] = []
            return Change("", f"CREATE {name}".encode(), after)
        name = self.chooser.choice(there)
        if free and self.chooser.randrange(2):
            to = self.chooser.choice(free)
            after[to] = after.pop(name)
            return Change("", f"RENAME {name} {to}".encode(), after)
        del after[name]
        return Change("", f"DELETE {name}".encode(), after)
