"""Exim and OpenSMTPD as hosts that we deliver to. Their packages conflict with Postfix's, so scripts/setup unpacks them beside the
system, and each runs with folders, an address and a configuration of its own."""
import functools
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile

from harness.peers import Postfix, listens
from harness.server import make_certificate, own_address, wait_until

UNPACKED = pathlib.Path("/opt/pabal-peers")
EXIM = UNPACKED / "usr/sbin/exim4"
OPENSMTPD = UNPACKED / "usr/sbin/smtpd"
PORT = 2525


def has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def why_no_exim() -> str:
    if not EXIM.exists():
        return f"Exim is not in {UNPACKED} (scripts/setup)"
    if not has_user("Debian-exim"):
        return "there is no user Debian-exim (scripts/setup)"
    return "" if os.geteuid() == 0 else "Exim can only be started by root"


@functools.cache
def why_no_opensmtpd() -> str:
    if not OPENSMTPD.exists():
        return f"OpenSMTPD is not in {UNPACKED} (scripts/setup)"
    if not has_user("opensmtpd") or not has_user("opensmtpq"):
        return "there are no users opensmtpd and opensmtpq (scripts/setup)"
    if os.geteuid() != 0:
        return "OpenSMTPD can only be started by root"
    # Its folders and socket are compiled in: it gets a view of its own of them.
    own_view = subprocess.run(["unshare", "-m", "--propagation", "private", "mount", "-t", "tmpfs", "none", "/run"], capture_output=True,
                              check=False)
    return "" if own_view.returncode == 0 else "OpenSMTPD needs mounts of its own, which are not allowed here"


class Host:
    """A mail host at self.address, port 2525, for carl@ and dora@ its domain, whose letters go into one Maildir."""
    name = ""
    owner = "nobody"

    def __init__(self) -> None:
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{self.name}-test-"))
        self.folder.chmod(0o755)
        self.address = own_address()
        self.domain = f"{self.name}.example"
        self.log = self.folder / "log"
        self.mail = self.folder / "mail"
        owner = pwd.getpwnam(self.owner)
        for folder in (self.mail, self.folder / "spool", self.folder / "logs"):
            folder.mkdir()
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        self.certificate, self.key = make_certificate(self.folder, "host", f"mx.{self.domain}", self.address, rsa=True)
        os.chown(self.key, owner.pw_uid, owner.pw_gid)
        self.process: subprocess.Popen | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> "Host":
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        wait_until(lambda: listens(self.address, PORT), 20, f"{self.name} listens: {self.log_text()}")
        return self

    def letters(self) -> list[bytes]:
        """What is in the Maildir, with CRLF."""
        return [path.read_bytes().replace(b"\n", b"\r\n") for path in sorted(self.mail.glob("new/*"))]

    def log_text(self) -> str:
        return "".join(path.read_text(errors="replace") for path in [self.log, *self.folder.glob("logs/*")] if path.exists())[-4000:]

    def close(self) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Exim(Host):
    name = "exim"
    owner = "Debian-exim"

    def command(self) -> list[str]:
        conf = self.folder / "exim.conf"
        conf.write_text(f"""
exim_path = {EXIM}
spool_directory = {self.folder}/spool
log_file_path = {self.folder}/logs/%slog
pid_file_path = {self.folder}/spool/pid
primary_hostname = mx.{self.domain}
domainlist local = {self.domain}
local_interfaces = {self.address}
daemon_smtp_ports = {PORT}
keep_environment =
tls_advertise_hosts = *
tls_certificate = {self.certificate}
tls_privatekey = {self.key}
dsn_advertise_hosts = *
chunking_advertise_hosts = *
host_lookup =
rfc1413_query_timeout = 0s
smtp_accept_max = 200
acl_smtp_rcpt = rcpt
acl_smtp_data = data
begin acl
rcpt:
  require verify = recipient
  accept
data:
  accept
begin routers
inbox:
  driver = accept
  domains = +local
  local_parts = carl : dora
  transport = file
begin transports
file:
  driver = appendfile
  directory = {self.mail}
  maildir_format
  user = {self.owner}
  group = {self.owner}
  envelope_to_add
  return_path_add
begin retry
* * F,1m,1s
""")
        return [str(EXIM), "-C", str(conf), "-bdf", "-q1m"]


class OpenSmtpd(Host):
    name = "opensmtpd"

    def command(self) -> list[str]:
        conf = self.folder / "smtpd.conf"
        conf.write_text(f"""
pki mx.{self.domain} cert "{self.certificate}"
pki mx.{self.domain} key "{self.key}"
table boxes {{ "carl@{self.domain}" = {self.owner}, "dora@{self.domain}" = {self.owner} }}
listen on {self.address} port {PORT} tls pki mx.{self.domain} hostname mx.{self.domain}
action "in" maildir "{self.mail}" virtual <boxes>
match from any for domain "{self.domain}" action "in"
""")
        os.chown(self.key, 0, 0)
        self.key.chmod(0o600)
        programs = UNPACKED / "usr/libexec/opensmtpd"
        return ["unshare", "-m", "--propagation", "private", "sh", "-ec",
                "mkdir -p /var/lib/opensmtpd/empty /usr/libexec/opensmtpd /var/spool/smtpd; mount -t tmpfs -o mode=711 none /var/spool/smtpd; "
                f"mount -t tmpfs none /run; mount --bind {programs} /usr/libexec/opensmtpd; exec {OPENSMTPD} -d -f {conf}"]


class PostfixHost(Postfix):
    """Postfix that takes the letters of carl and dora at some domains into Maildirs, over TLS with the given certificate."""

    def __init__(self, domains: list[str], certificate: pathlib.Path, key: pathlib.Path, more: dict[str, str] | None = None):
        super().__init__({"virtual_mailbox_domains": " ".join(domains), "virtual_minimum_uid": "100", "virtual_uid_maps": "static:5000",
                          "virtual_gid_maps": "static:5000", "virtual_transport": "virtual", "smtpd_tls_cert_file": str(certificate),
                          "smtpd_tls_key_file": str(key), "smtpd_tls_security_level": "may", **(more or {})})
        self.mail = self.folder / "mail"
        os.chown(self.mail, 5000, 5000)
        table = self.etc / "boxes"
        table.write_text("".join(f"{user}@{domain} {user}/\n" for domain in domains for user in ("carl", "dora")))
        with open(self.etc / "main.cf", "a") as main:
            main.write(f"virtual_mailbox_base = {self.mail}\nvirtual_mailbox_maps = texthash:{table}\n")

    def letters(self) -> list[bytes]:
        return [path.read_bytes().replace(b"\n", b"\r\n") for path in sorted(self.mail.glob("*/new/*"))]
