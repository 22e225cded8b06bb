"""Postfix and Dovecot from Debian, each with folders and ports of its own: peers that relay to us, and that we measure against."""
import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile

from harness.server import PASSWORD, own_address, wait_until
import socket

POSTFIX = pathlib.Path("/usr/sbin/postfix")
DOVECOT = pathlib.Path("/usr/sbin/dovecot")
DOVECOT_IMAP = pathlib.Path("/usr/lib/dovecot/imap")


def why_no_postfix() -> str:
    if not POSTFIX.exists():
        return "Postfix is not installed"
    return "" if os.geteuid() == 0 else "Postfix can only be started by root"


def why_no_dovecot() -> str:
    if not DOVECOT.exists():
        return "Dovecot is not installed"
    return "" if os.geteuid() == 0 else "Dovecot can only be started by root"


def why_no_dovecot_imap() -> str:
    return why_no_dovecot() or ("" if DOVECOT_IMAP.exists() else "Dovecot's IMAP server is not installed")


def listens(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), 2):
            return True
    except OSError:
        return False


MASTER = """
{port} inet n - n - {processes} smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """An SMTP server at self.address, port 2525."""

    def __init__(self, settings: dict[str, str], processes: int = 100):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postfix-test-"))
        self.folder.chmod(0o755)
        self.address = own_address()
        self.port = 2525
        self.prefix: list[str] = []  # of the command that starts it
        self.etc = self.folder / "etc"
        for name in ("etc", "queue", "lib", "mail"):
            (self.folder / name).mkdir()
        owner = pwd.getpwnam("postfix")
        os.chown(self.folder / "lib", owner.pw_uid, owner.pw_gid)
        self.log = self.folder / "log"
        main = {
            "compatibility_level": "3.6",
            "queue_directory": str(self.folder / "queue"),
            "data_directory": str(self.folder / "lib"),
            "maillog_file": str(self.log),
            "maillog_file_prefixes": str(self.folder),
            "myhostname": "postfix.example",
            "mydestination": "",
            "inet_interfaces": "127.0.0.1",  # the address of master.cf counts
            "inet_protocols": "ipv4",
            "mynetworks": "127.0.0.0/8",
            "smtp_dns_support_level": "disabled",
            "smtp_host_lookup": "native",
            "alias_maps": "",
            "local_recipient_maps": "",
            "smtpd_client_connection_count_limit": "0",
            **settings,
        }
        (self.etc / "main.cf").write_text("".join(f"{name} = {value}\n" for name, value in main.items()))
        (self.etc / "master.cf").write_text(MASTER.format(port=f"{self.address}:{self.port}", processes=processes))

    def start(self) -> "Postfix":
        done = subprocess.run([*self.prefix, str(POSTFIX), "-c", str(self.etc), "start"], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"postfix start: {done.stderr}{self.log_text()}")
        wait_until(lambda: listens(self.address, self.port), 20, "Postfix listens")
        return self

    def log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def processes(self) -> list[int]:
        """The master and its children."""
        master = int((self.folder / "queue" / "pid" / "master.pid").read_text())
        children = subprocess.run(["pgrep", "-P", str(master)], capture_output=True, text=True, check=False).stdout
        return [master, *map(int, children.split())]

    def close(self) -> None:
        subprocess.run([str(POSTFIX), "-c", str(self.etc), "abort"], capture_output=True, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> "Postfix":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()


def postfix_to_maildir(domain: str) -> Postfix:
    """Postfix that delivers user0, user1… of a domain into maildirs, durably as it comes."""
    postfix = Postfix({"virtual_mailbox_domains": domain, "virtual_minimum_uid": "100", "virtual_uid_maps": "static:5000",
                       "virtual_gid_maps": "static:5000", "virtual_transport": "virtual"})
    mail = postfix.folder / "mail"
    os.chown(mail, 5000, 5000)
    table = postfix.etc / "boxes"
    table.write_text("".join(f"user{i}@{domain} user{i}/\n" for i in range(200)))
    subprocess.run(["/usr/sbin/postmap", "-c", str(postfix.etc), f"texthash:{table}"], check=False, capture_output=True)
    with open(postfix.etc / "main.cf", "a") as main:
        main.write(f"virtual_mailbox_base = {mail}\nvirtual_mailbox_maps = texthash:{table}\n")
    return postfix


def postfix_relay(host: str, port: int, more: dict[str, str] | None = None) -> Postfix:
    """Postfix that hands everything to one server."""
    return Postfix({"relayhost": f"[{host}]:{port}", "relay_domains": "", "smtpd_relay_restrictions": "permit_mynetworks,reject",
                    "minimal_backoff_time": "2s", "maximal_backoff_time": "3s", "queue_run_delay": "2s", **(more or {})})


class Dovecot:
    """A POP3 or IMAP server at self.address and self.port; the users of its passwd file have the tests' password."""

    def __init__(self, domain: str, users: int, mail_format: str = "maildir", protocol: str = "pop3"):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dovecot-test-"))
        self.folder.chmod(0o755)
        self.address = own_address()
        self.port = {"pop3": 2110, "imap": 2143}[protocol]
        self.domain = domain
        self.mail = self.folder / "mail"
        self.mail.mkdir()
        with contextlib.suppress(OSError):
            os.chown(self.mail, 5000, 5000)
        self.process: subprocess.Popen | None = None
        (self.folder / "passwd").write_text("".join(f"user{i}@{domain}:{{PLAIN}}{PASSWORD}:5000:5000::{self.mail}/user{i}::\n"
                                                    for i in range(users)))
        self.location = {"maildir": "maildir:~/Maildir", "mdbox": "mdbox:~/mdbox", "sdbox": "sdbox:~/sdbox"}[mail_format]
        (self.folder / "dovecot.conf").write_text(f"""
base_dir = {self.folder}/run
state_dir = {self.folder}/state
log_path = {self.folder}/log
protocols = {protocol}
ssl = no
disable_plaintext_auth = no
mail_location = {self.location}
first_valid_uid = 100
auth_mechanisms = plain
default_internal_user = dovecot
default_login_user = dovenull
mail_max_userip_connections = 0
service {protocol}-login {{
  service_count = 0
  inet_listener {protocol} {{
    address = {self.address}
    port = {self.port}
  }}
  inet_listener {protocol}s {{
    port = 0
  }}
}}
service {protocol} {{
  service_count = 256
}}
service auth {{
  client_limit = 2000
}}
auth_cache_size = 1M
passdb {{
  driver = passwd-file
  args = {self.folder}/passwd
}}
userdb {{
  driver = passwd-file
  args = {self.folder}/passwd
}}
""")

    def add_maildir_messages(self, user: int, messages: list[bytes]) -> None:
        """Puts messages into a user's Maildir; they are converted where the format is another one."""
        home = self.mail / f"user{user}"
        box = home / "Maildir"
        for name in ("cur", "new", "tmp"):
            (box / name).mkdir(parents=True)
        for number, message in enumerate(messages):
            (box / "cur" / f"{1000000 + number}.M{number}.test:2,").write_bytes(message)
        subprocess.run(["chown", "-R", "5000:5000", str(home)], check=True)
        if not self.location.startswith("maildir"):
            subprocess.run(["doveadm", "-c", str(self.folder / "dovecot.conf"), "import", "-u", f"user{user}@{self.domain}",
                            f"maildir:{box}", "", "ALL"], check=True, capture_output=True)

    def start(self) -> "Dovecot":
        self.process = subprocess.Popen([str(DOVECOT), "-F", "-c", str(self.folder / "dovecot.conf")],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: listens(self.address, self.port), 20, f"Dovecot listens: {self.log_text()}")
        return self

    def cpu_seconds(self) -> float:
        """Of the master and all its children that have ended."""
        assert self.process is not None
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def log_text(self) -> str:
        log = self.folder / "log"
        return log.read_text(errors="replace") if log.exists() else ""

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)
            self.process = None

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> "Dovecot":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()
