"""An IMAP connection that is spoken to response by response: a response is its lines with all literals in them."""
import re
import socket
import ssl

from harness.mail import tls_context

LITERAL = re.compile(rb"~?\{(\d+)\+?\}\Z")


class ImapWire:
    """Responses come without the last CRLF. EOFError: the server has closed; after a BYE that is its right."""

    def __init__(self, address: str, port: int, *, timeout: float = 30, implicit_tls: bool = False):
        self.socket = socket.create_connection((address, port), timeout)
        if implicit_tls:
            self.start_tls()
        self.buffer = b""
        self.count = 0
        self.bye = b""

    def start_tls(self, context: ssl.SSLContext | None = None) -> None:
        self.socket = (context or tls_context()).wrap_socket(self.socket, server_hostname="mail.test.example")
        self.buffer = b""

    def close(self) -> None:
        self.socket.close()

    def send(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def fill(self) -> None:
        try:
            piece = self.socket.recv(1 << 16)
        except ConnectionResetError:
            piece = b""
        if not piece:
            raise EOFError(f"closed after {self.bye or self.buffer!r}")
        self.buffer += piece

    def response(self) -> bytes:
        whole = b""
        while True:
            while b"\n" not in self.buffer:
                self.fill()
            line, self.buffer = self.buffer.split(b"\n", 1)
            if not line.endswith(b"\r"):
                raise AssertionError(f"a line that does not end with CRLF: {whole + line!r}")
            whole += line[:-1]
            literal = LITERAL.search(line[:-1])
            if literal is None:
                break
            size = int(literal[1])
            while len(self.buffer) < size:
                self.fill()
            whole += b"\r\n" + self.buffer[:size]
            self.buffer = self.buffer[size:]
        if whole.upper().startswith(b"* BYE"):
            self.bye = whole
        return whole

    def tag(self) -> str:
        self.count += 1
        return f"t{self.count}"

    def until(self, tag: str) -> list[bytes]:
        """All responses up to the tagged one."""
        responses = [self.response()]
        while not responses[-1].startswith(tag.encode() + b" "):
            responses.append(self.response())
        return responses

    def send_command(self, tag: str, command: bytes) -> list[bytes]:
        """Sends a command; each synchronising literal waits to be asked for. What came meanwhile, and if the command was
        refused before its end, the tagged response."""
        came = []
        rest = tag.encode() + b" " + command + b"\r\n"
        while True:
            literal = re.search(rb"~?\{(\d+)\}\r\n", rest)
            if literal is None:
                self.send(rest)
                return came
            self.send(rest[:literal.end()])
            while not (response := self.response()).startswith(b"+"):
                came.append(response)
                if response.startswith(tag.encode() + b" "):
                    return came
            size = int(literal[1])
            self.send(rest[literal.end():literal.end() + size])
            rest = rest[literal.end() + size:]

    def ask(self, command: str | bytes) -> list[bytes]:
        """A command and all that comes to its end."""
        tag = self.tag()
        came = self.send_command(tag, command.encode() if isinstance(command, str) else command)
        if came and came[-1].startswith(tag.encode() + b" "):
            return came
        return came + self.until(tag)

    def good(self, command: str | bytes) -> list[bytes]:
        """The same, and it must be OK; the untagged responses."""
        *untagged, tagged = self.ask(command)
        if tagged.split(b" ")[1].upper() != b"OK":
            raise AssertionError(f"{command!r}: {tagged!r}")
        return untagged
