"""A throw-away PostgreSQL cluster: a temporary folder, a Unix socket alone, without flushes (nobody cuts its power)."""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from harness.server import wait_until

PROGRAMS = pathlib.Path("/usr/lib/postgresql/15/bin")


def why_no_postgres() -> str:
    return "" if (PROGRAMS / "initdb").exists() else "PostgreSQL 15 is not installed"


class Postgres:
    """Use as a context manager. Run by root, the server runs as user postgres, since it refuses to be root."""

    def __init__(self) -> None:
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pabal-postgres-", dir="/tmp"))  # a socket's path must be short
        self.user = "postgres" if os.geteuid() == 0 else None
        if self.user:
            shutil.chown(self.folder, self.user)
        self.process: subprocess.Popen | None = None
        self.made = 0

    def run(self, *command: str | pathlib.Path) -> None:
        done = subprocess.run([str(word) for word in command], user=self.user, extra_groups=[] if self.user else None, cwd="/",
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{command[0]}: {done.stdout}{done.stderr}")

    def __enter__(self) -> "Postgres":
        try:
            self.run(PROGRAMS / "initdb", "-D", self.folder / "data", "-U", "postgres", "-A", "trust", "--encoding=UTF8",
                     "--locale=C", "--no-sync")
            log = open(self.folder / "log", "wb")
            self.process = subprocess.Popen(
                [str(PROGRAMS / "postgres"), "-D", str(self.folder / "data"), "-k", str(self.folder), "-c", "listen_addresses=",
                 "-c", "fsync=off", "-c", "max_connections=100"], user=self.user, extra_groups=[] if self.user else None, cwd="/",
                stdout=log, stderr=log, stdin=subprocess.DEVNULL)
            log.close()
            wait_until(self.answers, 30, "PostgreSQL answers", 0.1)
        except BaseException:
            self.__exit__()
            raise
        return self

    def answers(self) -> bool:
        return subprocess.run([str(PROGRAMS / "pg_isready"), "-q", "-h", str(self.folder)], check=False).returncode == 0

    def database(self) -> str:
        """A fresh database's address, as it stands among the shards."""
        self.made += 1
        self.run(PROGRAMS / "createdb", "-h", self.folder, "-U", "postgres", f"pabal{self.made}")
        return f"postgresql:///pabal{self.made}?host={self.folder}&user=postgres"

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(30)
            self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)
