"""A name server for tests, UDP and TCP on a loopback port: answers from a table, and fails as the table says."""
import ipaddress
import socket
import socketserver
import struct
import threading

TYPES = {"A": 1, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SPF": 99}
NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5


def wire_name(name: str) -> bytes:
    """A name of Latin-1 text; dots part the labels."""
    labels = [label.encode("latin-1") for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def rdata(kind: str, value: object) -> bytes:
    """A: text, AAAA: text, MX: (preference, host), TXT: a string or strings (Latin-1), PTR and CNAME: text."""
    if kind in ("A", "AAAA"):
        return ipaddress.ip_address(str(value)).packed
    if kind == "MX":
        preference, host = value
        return struct.pack("!H", int(preference)) + wire_name(str(host))
    if kind in ("TXT", "SPF"):
        strings = [value] if isinstance(value, str) else list(value)
        pieces = [string[at:at + 255] for string in strings for at in range(0, max(len(string), 1), 255)]
        return b"".join(bytes([len(piece)]) + piece.encode("latin-1") for piece in pieces)
    return wire_name(str(value))


class Zone:
    """Records by name; `failures` by (name, type), with type "*" for all: a response code, "silent", "truncated" or "garbage"."""

    def __init__(self) -> None:
        self.records: dict[str, dict[int, list[bytes]]] = {}
        self.failures: dict[tuple[str, str], int | str] = {}

    def add(self, name: str, kind: str, value: object) -> None:
        self.records.setdefault(name.rstrip(".").lower(), {}).setdefault(TYPES[kind], []).append(rdata(kind, value))

    def fail(self, name: str, how: int | str, kind: str = "*") -> None:
        name = name.rstrip(".").lower()
        self.records.setdefault(name, {})
        self.failures[(name, kind)] = how

    def failure(self, name: str, kind: int) -> int | str | None:
        known = {number: text for text, number in TYPES.items()}.get(kind, "")
        return self.failures.get((name, known), self.failures.get((name, "*")))

    def answers(self, name: str, kind: int) -> tuple[int, list[tuple[str, int, bytes]]]:
        """The response code, and records as (owner, type, data), aliases first."""
        found: list[tuple[str, int, bytes]] = []
        for _ in range(12):
            node = self.records.get(name)
            if node is None:
                exists = any(other.endswith("." + name) for other in self.records)
                return (NOERROR if exists or found else NXDOMAIN), found
            if kind in node:
                return NOERROR, found + [(name, kind, data) for data in node[kind]]
            alias = node.get(TYPES["CNAME"])
            if not alias:
                return NOERROR, found
            found.append((name, TYPES["CNAME"], alias[0]))
            name = decode_name(alias[0], 0)[0].lower()
        return NOERROR, found


def decode_name(packet: bytes, at: int) -> tuple[str, int]:
    labels = []
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]].decode("latin-1"))
        at += 1 + packet[at]
    return ".".join(labels), at + 1


class NameServer:
    """Serves `zone`, which may be replaced while it runs. `asked` has all questions as "name TYPE-NUMBER"."""

    def __init__(self, zone: Zone | None = None) -> None:
        self.zone = zone or Zone()
        self.asked: list[str] = []
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for _ in range(50):
            self.udp.bind(("127.0.0.1", 0))
            try:
                self.tcp = socketserver.ThreadingTCPServer(self.udp.getsockname(), self.handler())
                break
            except OSError:
                self.udp.close()
                self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.tcp.daemon_threads = True
        self.address = "127.0.0.1@%d" % self.udp.getsockname()[1]
        self.threads = [threading.Thread(target=self.serve_udp, daemon=True), threading.Thread(target=self.tcp.serve_forever, daemon=True)]
        for thread in self.threads:
            thread.start()

    def close(self) -> None:
        self.tcp.shutdown()
        self.tcp.server_close()
        self.udp.close()

    def handler(self) -> type[socketserver.BaseRequestHandler]:
        server = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while len(head := self.rfile.read(2)) == 2:
                    answer = server.answer(self.rfile.read(struct.unpack("!H", head)[0]), over_tcp=True)
                    if answer is None:
                        return
                    self.wfile.write(struct.pack("!H", len(answer)) + answer)

        return Handler

    def serve_udp(self) -> None:
        while True:
            try:
                packet, peer = self.udp.recvfrom(4096)
                answer = self.answer(packet, over_tcp=False)
                if answer is not None:
                    self.udp.sendto(answer, peer)
            except OSError:
                return

    def answer(self, packet: bytes, over_tcp: bool) -> bytes | None:
        number, = struct.unpack("!H", packet[:2])
        name, at = decode_name(packet, 12)
        kind, _ = struct.unpack("!HH", packet[at:at + 4])
        self.asked.append(f"{name.lower()} {kind}")
        how = self.zone.failure(name.lower(), kind)
        if how == "silent":
            return None
        if how == "garbage":
            return packet[:2] + b"\x81\x80" + b"\xff" * 40
        code, records = (how, []) if isinstance(how, int) else self.zone.answers(name.lower(), kind)
        question = packet[12:at + 4]
        body = b"".join(wire_name(owner) + struct.pack("!HHIH", owned, 1, 300, len(data)) + data for owner, owned, data in records)
        cut = not over_tcp and (how == "truncated" or len(body) > 1100)
        if cut:
            body, records = b"", []
        flags = 0x8580 | (0x0200 if cut else 0) | code
        return struct.pack("!HHHHHH", number, flags, 1, len(records), 0, 0) + question + body
