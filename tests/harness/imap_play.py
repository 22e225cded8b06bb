"""Plays a script of imap_script.py against a server."""
import re
import time
import urllib.parse

from harness.imap_match import Matcher
from harness.imap_script import STATES, Expected, Group, Script, read_mbox
from harness.imap_values import Value, read_values, words
from harness.imap_wire import ImapWire

APPEND = re.compile(rb"(?:uid )?(append|replace)(?= |\Z)", re.IGNORECASE)


class Skipped(Exception):
    """The server lacks a capability that the script needs."""


class Play:
    """people: address and password of those whom connections belong to; the first is everybody that no header names."""

    def __init__(self, script: Script, address: str, port: int, people: list[tuple[str, str]], mailbox: str = "imaptest"):
        self.script = script
        self.address, self.port = address, port
        self.people = people
        self.mailbox = mailbox
        self.letters = read_mbox(script.mbox)
        self.next_letter = 0
        self.wires: list[ImapWire] = []
        self.exists: list[int] = []
        self.wrong: list[str] = []
        variables = {"mailbox": mailbox, "mailbox_url": urllib.parse.quote(mailbox)}
        for index in range(script.connections):
            user, password = self.person(index)
            more = "" if index == 0 else str(index + 1)
            name, _, domain = user.partition("@")
            variables |= {f"user{more}": user, f"username{more}": name, f"domain{more}": domain, f"password{more}": password}
        if len(people) > 1:
            name, _, domain = people[1][0].partition("@")
            variables |= {"user2": people[1][0], "username2": name, "domain2": domain, "password2": people[1][1]}
        self.matcher = Matcher(variables)

    def person(self, connection: int) -> tuple[str, str]:
        named = self.script.users.get(connection, "")
        if named in ("$user2", "${user2}"):
            if len(self.people) < 2:
                raise Skipped("it needs two people")
            return self.people[1]
        return next((person for person in self.people if person[0] == named), self.people[0])

    def run(self) -> list[str]:
        """What differed, a line each."""
        script = self.script
        try:
            for index in range(script.connections):
                wire = ImapWire(self.address, self.port)
                self.wires.append(wire)
                self.exists.append(0)
                greeting = wire.response()
                if index == 0 and script.begins_with_greeting:
                    self.judge_untagged(script.groups[0], [read_values(greeting[2:])])
                elif not greeting.startswith(b"* OK "):
                    self.wrong.append(f"greeting {greeting!r}")
            self.prepare()
            for group in script.groups:
                if group.commands:
                    self.play(group)
                    time.sleep(group.sleep)
            for wire in self.wires:
                if not wire.bye and not wire.ask("LOGOUT")[-1].split(b" ")[1] == b"OK":
                    self.wrong.append("LOGOUT failed")
        except EOFError as ended:
            self.wrong.append(f"the server closed the connection: {ended}")
        finally:
            for wire in self.wires:
                wire.close()
        return self.wrong

    # Up to the state in which the script begins.
    def prepare(self) -> None:
        state = STATES.index(self.script.state)
        first = self.wires[0]
        if state > 0:
            for index, wire in enumerate(self.wires):
                user, password = self.person(index)
                wire.good(f'LOGIN "{user}" "{password}"')
        offered = set(first.good("CAPABILITY")[0].decode().upper().split()[2:])
        if missing := [name for name in self.script.capabilities if name not in offered]:
            raise Skipped("not offered: " + " ".join(missing))
        if state > 0:
            seen = set()
            for index, wire in enumerate(self.wires):
                if self.person(index) not in seen:
                    seen.add(self.person(index))
                    self.remove_all(wire)
        if state > 1:
            first.good(f'CREATE "{self.mailbox}"')
        if state > 2:
            for _ in range(len(self.letters) if self.script.messages is None else self.script.messages):
                date = self.letters[self.next_letter % len(self.letters)].date
                first.good(b'APPEND "%s" "%s" ' % (self.mailbox.encode(), date.encode()) + self.letter())
        if state > 3:
            for index, wire in enumerate(self.wires):
                for response in wire.good(f'SELECT "{self.mailbox}"'):
                    self.look(index, response)

    def remove_all(self, wire: ImapWire) -> None:
        for word, removal in (("LSUB", "UNSUBSCRIBE"), ("LIST", "DELETE")):
            names = [read_values(line[2:])[-1].text for line in wire.good(f'{word} "" "{self.mailbox}*"') if line.startswith(b"* L")]
            for name in sorted(names, reverse=True):
                wire.ask(f'{removal} "{name}"'.encode("latin-1"))

    def letter(self) -> bytes:
        letter = self.letters[self.next_letter % len(self.letters)]
        self.next_letter += 1
        return b"{%d}\r\n" % len(letter.octets) + letter.octets

    def octets_of(self, line: bytes) -> bytes:
        """An APPEND without a message takes the next one of the mbox."""
        octets = self.matcher.expand(line)
        match = APPEND.match(octets)
        if match is None or re.search(rb"\{\d+\+?\}\r\n|\bcatenate\b", octets, re.IGNORECASE):
            return octets
        if octets.lower() == b"append":
            octets += b' "' + self.mailbox.encode() + b'"'
        return octets + b" " + self.letter()

    def look(self, connection: int, response: bytes) -> None:
        if match := re.match(rb"\* (\d+) (EXISTS|EXPUNGE)\b", response, re.IGNORECASE):
            self.exists[connection] = int(match[1]) if match[2].upper() == b"EXISTS" else self.exists[connection] - 1

    def play(self, group: Group) -> None:
        connection = group.connection
        wire = self.wires[connection]
        self.matcher.begin(self.exists[connection])
        tags = {}
        came: list[bytes] = []
        where = f"{self.script.name}:{group.commands[0].line}: {group.commands[0].octets.decode('latin-1')[:200]}"
        for command in group.commands:
            tag = wire.tag()
            tags[tag] = command
            self.matcher.variables["tag"] = tag
            came += wire.send_command(tag, self.octets_of(command.octets))
        waiting = set(tags)
        untagged = []
        ended = False
        while waiting or came:
            if came:
                response = came.pop(0)
            else:
                try:
                    response = wire.response()
                except EOFError:
                    ended = True
                    if not group.expects_bye or not wire.bye:
                        raise
                    break
            tag = response.split(b" ", 1)[0].decode("latin-1")
            if tag in waiting:
                waiting.discard(tag)
                self.judge_tagged(where, tags[tag].reply, read_values(response[len(tag) + 1:]))
            elif tag == "*":
                untagged.append(response)
            elif tag != "+":
                self.wrong.append(f"{where}\n    what is {response!r}?")
        for response in untagged:
            self.look(connection, response)
        self.matcher.variables["tag"] = list(tags)[0]
        self.judge_untagged(group, [read_values(response[2:]) for response in untagged], where)
        del self.matcher.variables["tag"]
        if ended and any(words(command.reply or ()) != '""' for command in group.commands if command.reply):
            self.wrong.append(f"{where}\n    BYE in place of a reply")

    def judge_tagged(self, where: str, want: tuple[Value, ...] | None, said: tuple[Value, ...]) -> None:
        status = said[0].text.lower() if said else ""
        any_status = not want or want[0].text == ""
        if status == "bad" and (any_status or want[0].text.lower() != "bad"):
            self.wrong.append(f"{where}\n    said {words(said)}")
        elif not any_status and not self.matcher.match(want, said, True):
            self.wrong.append(f"{where}\n    wanted {words(want)}\n    said   {words(said)}")

    def judge_untagged(self, group: Group, said: list[tuple[Value, ...]], where: str = "greeting") -> None:
        found: set[int] = set()
        for values in said:
            prefix = bool(values) and values[0].text.lower() in ("ok", "no", "bad", "bye")
            hit = False
            for index, expected in enumerate(group.untagged):
                if index in found:
                    continue
                if self.matcher.match(expected.values, values, prefix):
                    hit = True
                    if expected.mark == "!":
                        self.wrong.append(f"{where}\n    said {words(values)}\n    which must not be: {words(expected.values)}")
                        continue
                    found.add(index)
                    if group.ordered:
                        break
                elif group.ordered and expected.mark == "*":
                    break
            if not hit and not self.script.ignore_extra and not group.expects_bye:
                self.wrong.append(f"{where}\n    unexpected {words(values)}")
            if len(values) > 1 and values[1].text.upper() == "EXPUNGE" and values[0].text.isdigit():
                self.matcher.expunged(int(values[0].text))
        missing: list[Expected] = [one for index, one in enumerate(group.untagged) if one.mark == "*" and index not in found]
        if missing:
            told = "".join(f"\n    said {words(values)[:300]}" for values in said)
            self.wrong.append(f"{where}" + "".join(f"\n    missing {words(one.values)}" for one in missing) + told)
