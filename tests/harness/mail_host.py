"""A mail host that does what a test tells it to: refuses, cuts the line, offers TLS; and keeps what it took."""
import contextlib
import dataclasses
import itertools
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence

from harness.server import own_address

TAKEN = "250 2.1.5 ok"
PORT = 2525


@dataclasses.dataclass
class Taken:
    """A letter at the end of its data."""
    mail: str                 # what followed MAIL FROM:
    recipients: list[str]     # addresses that were accepted
    octets: bytes
    time: float               # monotonic
    tls: bool
    connection: int

    @property
    def subject(self) -> str:
        found = re.search(rb"^Subject: (.*?)\r?$", self.octets, re.MULTILINE)
        return found.group(1).decode() if found else ""


class MailHost(threading.Thread):
    """Replies to RCPT follow a list, whose last one goes on for ever, or come from a function of the address. `at_end` answers the
    final dot; an empty reply cuts the line without a word. `letters` are those whose final reply was 2xx. Of more than `at_once`
    connections it refuses the rest."""

    def __init__(self, replies: Sequence[str] | Callable[[str], str] = (TAKEN,), *, address: str = "", port: int = PORT,
                 offers: Sequence[str] = (), tls: ssl.SSLContext | None = None,
                 at_end: Callable[[Taken], str] = lambda letter: "250 2.0.0 taken", at_once: int = 10_000):
        super().__init__(daemon=True)
        self.replies = replies
        self.offers = list(offers)
        self.tls = tls
        self.at_end = at_end
        self.letters: list[Taken] = []
        self.mails: list[str] = []
        self.recipients = 0
        self.connections = 0
        self.open = 0
        self.at_once = at_once
        self.refused = 0
        self.counting = threading.Lock()
        self.address = address or own_address()
        self.socket = socket.create_server((self.address, port), backlog=512)
        self.start()

    def run(self) -> None:
        for number in itertools.count(1):
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections = number
            threading.Thread(target=self.serve_one, args=(connection, number), daemon=True).start()

    def serve_one(self, connection: socket.socket, number: int) -> None:
        with self.counting:
            full = self.open >= self.at_once
            self.refused += full
            self.open += not full
        if full:
            with contextlib.suppress(OSError), connection:
                connection.sendall(b"421 4.7.0 too many connections from you\r\n")
            return
        with contextlib.suppress(OSError, ValueError), connection:
            self.serve(connection, number)
        with self.counting:
            self.open -= 1

    def reply_to(self, address: str) -> str:
        if callable(self.replies):
            return self.replies(address)
        reply = self.replies[min(self.recipients, len(self.replies) - 1)]
        self.recipients += 1
        return reply

    def serve(self, connection: socket.socket, number: int) -> None:
        file = connection.makefile("rwb")

        def say(text: str) -> None:
            file.write(text.encode() + b"\r\n")
            file.flush()
        say("220 host.example")
        mail, recipients, under_tls = "", [], False
        while line := file.readline():
            words = line.decode(errors="replace").strip()
            verb = words[:4].upper()
            if verb == "EHLO":
                offers = ["host.example", *self.offers, *(["STARTTLS"] if self.tls and not under_tls else [])]
                say("\r\n".join(f"250{'-' if offer is not offers[-1] else ' '}{offer}" for offer in offers))
            elif words.upper() == "STARTTLS" and self.tls:
                say("220 go on")
                connection = self.tls.wrap_socket(connection, server_side=True)
                file, under_tls = connection.makefile("rwb"), True
            elif verb == "MAIL":
                mail, recipients = words[10:], []
                self.mails.append(mail)
                say("250 2.1.0 ok")
            elif verb == "RCPT":
                address = words[words.index("<") + 1:words.rindex(">")]
                reply = self.reply_to(address)
                if reply.startswith("2"):
                    recipients.append(address)
                say(reply)
            elif verb == "DATA":
                if not recipients:
                    say("554 5.5.1 no recipients")
                    continue
                say("354 go on")
                octets = []
                while (part := file.readline()) not in (b".\r\n", b""):
                    octets.append(part[1:] if part.startswith(b".") else part)
                if not part:
                    return
                letter = Taken(mail, recipients, b"".join(octets), time.monotonic(), under_tls, number)
                reply = self.at_end(letter)
                if reply.startswith("2"):
                    self.letters.append(letter)
                if not reply:
                    return
                say(reply)
            elif verb == "QUIT":
                say("221 2.0.0 bye")
                return
            else:
                say("250 2.0.0 ok")

    def subjects(self) -> list[str]:
        return [letter.subject for letter in self.letters]

    def close(self) -> None:
        # Whoever waits in accept() wakes by the shutdown, not by the close.
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
