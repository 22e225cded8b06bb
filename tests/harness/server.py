"""A Pabal server of its own for a test: a temporary data folder, a loopback address of its own, accounts by the command line."""
import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PABAL = pathlib.Path(os.environ.get("PABAL", ROOT / "build" / "release" / "pabal"))
BENCH = ROOT / "build" / "release" / "bench"
PASSWORD = "correct horse battery"

# Name, protocol, port and TLS of each listener that a test server has.
LISTENERS = (
    ("smtp", "smtp", 2525, "starttls"),
    ("submission", "submission", 2587, "starttls"),
    ("submissions", "submission", 2465, "implicit"),
    ("lmtp", "lmtp", 2424, "off"),
    ("imap", "imap", 2143, "starttls"),
    ("imaps", "imap", 2993, "implicit"),
    ("pop3", "pop3", 2110, "starttls"),
    ("pop3s", "pop3", 2995, "implicit"),
    ("metrics", "metrics", 2464, "off"),
)
PROXY_LISTENERS = (
    ("smtp_proxy", "smtp", 2526, "starttls"),
    ("submission_proxy", "submission", 2588, "starttls"),
    ("imap_proxy", "imap", 2144, "starttls"),
    ("pop3_proxy", "pop3", 2111, "starttls"),
    ("pop3s_proxy", "pop3", 2996, "implicit"),
)


def own_address() -> str:
    """A loopback address that nobody else on this machine is likely to use, so that ports never collide."""
    while True:
        address = f"127.{random.randrange(64, 250)}.{random.randrange(1, 250)}.{random.randrange(1, 250)}"
        with socket.socket() as probe:
            with contextlib.suppress(OSError):
                probe.bind((address, 2525))
                return address


def wait_until(condition, seconds: float, what: str, step: float = 0.02):
    """The first true value of condition(), or an error that says what did not happen."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"after {seconds} s still not: {what}")
        time.sleep(step)


def make_certificate(folder: pathlib.Path, name: str, host: str, address: str = "127.0.0.1", *,
                     rsa: bool = False) -> tuple[pathlib.Path, pathlib.Path]:
    """A self-signed certificate and its key."""
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    kind = ["rsa:2048"] if rsa else ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    subprocess.run(["openssl", "req", "-x509", "-newkey", *kind, "-nodes", "-days", "3", "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host},IP:{address}", "-keyout", str(key), "-out",
                    str(certificate)], check=True, capture_output=True)
    return certificate, key


class Server:
    """Use as a context manager, or start() and close()."""

    def __init__(self, *, domain: str = "load.example", hostname: str = "mail.load.example", settings: str = "",
                 limits: dict[str, object] | None = None, data: pathlib.Path | None = None, keep: bool = False,
                 program: pathlib.Path = PABAL, proxy: bool = False):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pabal-test-"))
        self.data = data or self.folder / "data"
        self.domain = domain
        self.hostname = hostname
        self.settings = settings
        self.limits = limits or {}
        self.program = program
        self.keep = keep
        self.address = own_address()
        self.listeners = LISTENERS + (PROXY_LISTENERS if proxy else ())
        self.ports = {name: port for name, _, port, _ in self.listeners}
        self.certificate, self.key = make_certificate(self.folder, "server", hostname, self.address)
        self.config = self.folder / "pabal.toml"
        self.log = self.folder / "server.log"
        self.process: subprocess.Popen | None = None
        self.write_config()

    def write_config(self) -> None:
        lines = [f'hostname = "{self.hostname}"', f'data = "{self.data}"']
        if self.settings.strip() and not self.settings.lstrip().startswith("["):
            lines.append(self.settings)
        for name, protocol, port, tls in self.listeners:
            lines += ["[[listener]]", f'protocol = "{protocol}"', f'address = "{self.address}"', f"port = {port}",
                      f'tls = "{tls}"']
            if name.endswith("_proxy"):
                lines.append('proxy_protocol = ["127.0.0.0/8"]')
        lines += ["[tls]", f'certificate = "{self.certificate}"', f'key = "{self.key}"']
        if self.settings.lstrip().startswith("["):
            lines.append(self.settings)
        if self.limits:
            lines.append("[limits]")
            lines += [f"{name} = {json.dumps(value)}" for name, value in self.limits.items()]
        self.config.write_text("\n".join(lines) + "\n")

    # The command line.
    def cli(self, *arguments: str, input_text: str = "", check: bool = True, seconds: float = 120) -> subprocess.CompletedProcess:
        done = subprocess.run([str(self.program), *arguments, "--config", str(self.config)], input=input_text, text=True,
                              capture_output=True, timeout=seconds, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"pabal {' '.join(arguments)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def add_domain(self, domain: str | None = None) -> None:
        self.cli("domain", "add", domain or self.domain)

    def add_account(self, address: str, password: str = PASSWORD) -> None:
        self.cli("account", "add", address, "--password-stdin", input_text=password + "\n")

    def add_users(self, count: int, password: str = PASSWORD) -> None:
        """user0 to userN-1."""
        file = self.folder / "accounts"
        file.write_text("".join(f"user{i}@{self.domain}\t{password}\n" for i in range(count)))
        self.cli("account", "import", str(file), seconds=600)

    # The process.
    def spawn(self, environment: dict[str, str] | None = None, prefix: list[str] | None = None) -> None:
        """Starts it and doesn't wait."""
        assert self.process is None
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*(prefix or []), str(self.program), "serve", "--config", str(self.config)],
                                            stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            env={**os.environ, **(environment or {})})

    def start(self, seconds: float = 30, environment: dict[str, str] | None = None, prefix: list[str] | None = None) -> "Server":
        """Starts it and waits until it listens everywhere."""
        self.spawn(environment, prefix)
        process = self.process

        def ready() -> bool:
            if process.poll() is not None:
                raise AssertionError(f"pabal serve ended with {process.returncode}\n{self.log_tail()}")
            return all(self.answers(port) for port in self.ports.values())
        wait_until(ready, seconds, f"pabal serve listens\n{self.log_tail()}")
        # Ports are bound before the store is open; who is greeted finds the control socket, too.
        wait_until(self.greets, seconds, f"pabal serve greets\n{self.log_tail()}")
        if process.poll() is not None:
            raise AssertionError(f"pabal serve ended with {process.returncode}\n{self.log_tail()}")
        return self

    def greets(self) -> bool:
        if self.process.poll() is not None:
            return True  # the caller tells
        try:
            with socket.create_connection((self.address, self.ports["smtp"]), 10) as connection:
                return connection.recv(3) in (b"220", b"421", b"554")
        except OSError:
            return False

    def answers(self, port: int) -> bool:
        try:
            with socket.create_connection((self.address, port), 5):
                return True
        except OSError:
            return False

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def stop(self, seconds: float = 30) -> int:
        """An orderly stop; its exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired as late:
            self.kill()
            raise AssertionError(f"the server did not stop within {seconds} s\n{self.log_tail()}") from late
        self.process = None
        return status

    def kill(self) -> None:
        """SIGKILL, at whatever it is doing."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None

    def reload(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    def log_tail(self, lines: int = 40) -> str:
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def cpu_seconds(self) -> float:
        """CPU time of all threads so far, in nanosecond steps (clock_getcpuclockid(3))."""
        return time.clock_gettime((~self.pid << 3) | 2)

    def metrics(self) -> dict[str, float]:
        """Each sample of the metrics listener by its name with labels."""
        with socket.create_connection((self.address, self.ports["metrics"]), 10) as connection:
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            octets = b""
            while piece := connection.recv(65536):
                octets += piece
        head, _, body = octets.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise AssertionError(head.decode(errors="replace"))
        samples = {}
        for line in body.decode().splitlines():
            if line and not line.startswith("#") and " " in line:
                name, value = line.rsplit(" ", 1)
                with contextlib.suppress(ValueError):
                    samples[name] = float(value)
        return samples

    def close(self) -> None:
        if self.process is not None:
            try:
                self.stop()
            finally:
                if self.process is not None:
                    self.kill()
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.kill()
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)


def target(server: Server, name: str) -> str:
    return f"{server.address}:{server.ports[name]}"
