"""Line protocols by hand, for what no polite client would send."""
import socket
import ssl

from harness.mail import tls_context


class Wire:
    """A connection with lines and replies."""

    def __init__(self, address: str, port: int, *, timeout: float = 30, implicit_tls: bool = False, first: bytes = b""):
        if address.startswith("unix:"):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(address.removeprefix("unix:"))
        else:
            self.socket = socket.create_connection((address, port), timeout)
        self.buffer = b""
        if first:
            self.socket.sendall(first)
        if implicit_tls:
            self.start_tls()

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def start_tls(self, context: ssl.SSLContext | None = None) -> None:
        self.socket = (context or tls_context()).wrap_socket(self.socket, server_hostname="mail.load.example")
        self.buffer = b""

    def send(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def line(self) -> bytes:
        while b"\n" not in self.buffer:
            piece = self.socket.recv(65536)
            if not piece:
                raise EOFError(f"closed after {self.buffer!r}")
            self.buffer += piece
        line, self.buffer = self.buffer.split(b"\n", 1)
        if not line.endswith(b"\r"):
            raise AssertionError(f"a line that does not end with CRLF: {line!r}")
        return line[:-1]

    def reply(self) -> tuple[int, str]:
        """An SMTP reply: its code and its lines' words."""
        words = []
        while True:
            line = self.line().decode()
            if len(line) < 3 or not line[:3].isdigit():
                raise AssertionError(f"no SMTP reply: {line!r}")
            words.append(line[4:])
            if line[3:4] != "-":
                return int(line[:3]), "\n".join(words)

    def command(self, line: str | bytes) -> tuple[int, str]:
        self.send((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return self.reply()

    def expect(self, code: int, line: str | bytes | None = None) -> str:
        """Sends a line, if one is given, and wants this code."""
        got, words = self.reply() if line is None else self.command(line)
        if got != code:
            raise AssertionError(f"{line!r}: wanted {code}, got {got} {words}")
        return words

    def rest(self) -> bytes:
        """All that still comes until the server closes."""
        octets, self.buffer = self.buffer, b""
        try:
            while piece := self.socket.recv(65536):
                octets += piece
        except (ConnectionError, ssl.SSLError):
            return octets
        return octets


def stuffed(message: bytes) -> bytes:
    """As it goes after DATA, with its end."""
    lines = message.removesuffix(b"\r\n").split(b"\r\n")
    return b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines) + b".\r\n"


def send_message(wire: Wire, sender: str, recipients: list[str], message: bytes, parameters: str = "") -> None:
    """One transaction that must be taken."""
    wire.expect(250, f"MAIL FROM:<{sender}>{parameters}")
    for recipient in recipients:
        wire.expect(250, f"RCPT TO:<{recipient}>")
    wire.expect(354, "DATA")
    wire.send(stuffed(message))
    wire.expect(250)
