"""Real name servers on loopback: knot, which signs, and unbound before it as a provider's resolver would be."""
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from harness.server import own_address, wait_until

KNOTD = pathlib.Path("/usr/sbin/knotd")
KEYMGR = pathlib.Path("/usr/sbin/keymgr")
KDIG = pathlib.Path("/usr/bin/kdig")
UNBOUND = pathlib.Path("/usr/sbin/unbound")
PORT = 5353


def why_no_resolver() -> str:
    return "" if UNBOUND.exists() else "unbound is not installed"


class Resolver:
    """unbound that knows some records, one a line as zone files have them, and that nothing else below their zones is. At self.address, one of
    this machine's; a loopback one where none is given."""

    def __init__(self, zones: list[str], records: list[str], address: str = "", port: int = PORT):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dns-test-"))
        self.address = address or own_address()
        self.port = port
        known = "".join(f' local-zone: "{zone}" static\n' for zone in zones) + "".join(f" local-data: '{record}'\n" for record in records)
        (self.folder / "unbound.conf").write_text(f"""server:
 directory: "{self.folder}"
 chroot: ""
 username: ""
 pidfile: ""
 use-syslog: no
 interface: {self.address}@{port}
 port: {port}
 access-control: 127.0.0.0/8 allow
 access-control: {self.address}/32 allow
 module-config: "iterator"
 num-threads: 1
{known}remote-control:
 control-enable: no
""")
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen([str(UNBOUND), "-d", "-c", str(self.folder / "unbound.conf")], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL)
        try:
            wait_until(self.answers, 20, "unbound answers")
        except BaseException:
            self.close()
            raise

    def answers(self) -> bool:
        """Whether it says anything to a question (for an address)."""
        if self.process.poll() is not None:
            raise AssertionError(f"unbound ended\n{(self.folder / 'log').read_text(errors='replace')[-3000:]}")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.2)
            try:
                probe.sendto(b"\x12\x34\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02up\x07example\x00\x00\x01\x00\x01", (self.address, self.port))
                return probe.recv(512)[:2] == b"\x12\x34"
            except OSError:
                return False

    def cpu_seconds(self) -> float:
        return time.clock_gettime((~self.process.pid << 3) | 2)

    @property
    def settings(self) -> str:
        """The [dns] part of a server's settings that asks here."""
        return f'[dns]\nservers = ["{self.address}@{self.port}"]\ndnssec = false\n'

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> "Resolver":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def outer_address() -> str:
    """An address of this machine that isn't a loopback one; "" where it has none. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return probe.getsockname()[0]
        except OSError:
            return ""


def why_no_name_servers() -> str:
    missing = [program.name for program in (KNOTD, KEYMGR, KDIG, UNBOUND) if not program.exists()]
    return f"{', '.join(missing)}: not installed" if missing else ""


class NameServers:
    """Zones by name; those of `forged` have, after they were signed, a text replaced in them, so that signatures are wrong."""

    def __init__(self, zones: dict[str, str], forged: dict[str, tuple[str, str]] | None = None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dns-test-"))
        self.address = own_address()
        self.server = own_address()
        self.trust_anchor = self.folder / "anchor"
        self.processes: list[subprocess.Popen] = []
        try:
            self.open(zones, forged or {})
        except BaseException:
            self.close()
            raise

    def open(self, zones: dict[str, str], forged: dict[str, tuple[str, str]]) -> None:
        for name, text in zones.items():
            (self.folder / f"{name}.zone").write_text(f"$TTL 60\n$ORIGIN {name}.\n@ SOA ns admin 1 60 60 60 60\n@ NS ns\nns A {self.server}\n{text}\n")
        self.write_knot(list(zones), signs=True)
        knot = self.run([str(KNOTD), "-c", str(self.folder / "knot.conf")])
        anchors = ""
        for name in zones:
            file = self.folder / f"{name}.zone"
            wait_until(lambda file=file: "RRSIG" in file.read_text(), 60, f"{name} is signed\n{self.log_text()}")
            anchors += subprocess.run([str(KEYMGR), "-c", str(self.folder / "knot.conf"), name, "ds"], check=True, capture_output=True,
                                      text=True).stdout
        self.trust_anchor.write_text(anchors)
        knot.terminate()
        knot.wait()
        self.processes.remove(knot)
        for name, (genuine, forgery) in forged.items():
            file = self.folder / f"{name}.zone"
            text = file.read_text()
            if genuine not in text:
                raise AssertionError(f"nothing to forge in {text}")
            file.write_text(text.replace(genuine, forgery))
        self.write_knot(list(zones), signs=False)
        self.run([str(KNOTD), "-c", str(self.folder / "knot.conf")])
        stubs = "".join(f"stub-zone:\n name: \"{name}\"\n stub-addr: {self.server}@{PORT}\n" for name in zones)
        (self.folder / "unbound.conf").write_text(f"""server:
 directory: "{self.folder}"
 chroot: ""
 username: ""
 pidfile: ""
 use-syslog: no
 interface: {self.address}@{PORT}
 port: {PORT}
 access-control: 127.0.0.0/8 allow
 do-not-query-localhost: no
 module-config: "iterator"
 num-threads: 1
remote-control:
 control-enable: no
{stubs}""")
        self.run([str(UNBOUND), "-d", "-c", str(self.folder / "unbound.conf")])
        first = next(iter(zones))
        wait_until(lambda: "admin" in self.ask(first, "SOA"), 60, "unbound answers")

    def ask(self, name: str, kind: str) -> str:
        return subprocess.run([str(KDIG), f"@{self.address}", "-p", str(PORT), "+short", "+timeout=1", "+retry=0", name, kind],
                              capture_output=True, text=True, check=False).stdout

    def write_knot(self, zones: list[str], *, signs: bool) -> None:
        more = "    dnssec-signing: on\n    dnssec-policy: test\n" if signs else ""
        (self.folder / "knot.conf").write_text(
            f"server:\n    rundir: \"{self.folder}\"\n    listen: {self.server}@{PORT}\n    udp-workers: 1\n    tcp-workers: 1\n    background-workers: 1\n"
            f"database:\n    storage: \"{self.folder}\"\n"
            "log:\n  - target: stderr\n    any: info\n"
            "policy:\n  - id: test\n    algorithm: ecdsap256sha256\n    single-type-signing: on\n"
            f"template:\n  - id: default\n    storage: \"{self.folder}\"\n    file: \"%s.zone\"\nzone:\n"
            + "".join(f"  - domain: {name}\n{more}" for name in zones))

    def run(self, command: list[str]) -> subprocess.Popen:
        with open(self.folder / "log", "ab") as log:
            self.processes.append(subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL))
        return self.processes[-1]

    def log_text(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-3000:]

    @property
    def settings(self) -> str:
        """The [dns] part of a server's settings that asks here."""
        return f'[dns]\nservers = ["{self.address}@{PORT}"]\ntrust_anchor = "{self.trust_anchor}"\ntimeout = "10s"\n'

    def close(self) -> None:
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

