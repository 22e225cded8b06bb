"""Postfix that checks who sent what it takes: OpenDKIM and OpenDMARC (which asks for SPF, too) as milters over Unix sockets.

All of them find their names by a resolver of ours. OpenDMARC and Postfix know no other way to one than /etc/resolv.conf, so they run in a mount
namespace of their own with another one there. OpenDKIM's libunbound asks no resolver at a loopback address, unless a file of settings tells it to;
and OpenDKIM reads that for several connections at once, which ends it (its parser has one state for all)."""
import os
import pathlib
import subprocess

from harness.peers import Postfix, postfix_to_maildir, why_no_postfix
from harness.server import wait_until

OPENDKIM = pathlib.Path("/usr/sbin/opendkim")
OPENDMARC = pathlib.Path("/usr/sbin/opendmarc")
UNSHARE = ["unshare", "--mount", "--propagation", "private"]


def why_no_checking_postfix() -> str:
    if reason := why_no_postfix():
        return reason
    missing = [program.name for program in (OPENDKIM, OPENDMARC) if not program.exists()]
    if missing:
        return f"{', '.join(missing)}: not installed"
    if subprocess.run([*UNSHARE, "mount", "--bind", "/etc/hosts", "/etc/resolv.conf"], capture_output=True, check=False).returncode != 0:
        return "no mount namespaces here"
    return ""


class CheckingPostfix:
    """Delivers user0, user1… of a domain into maildirs below self.mail. `resolver` is an address, asked at port 53, that isn't a loopback one."""

    def __init__(self, domain: str, resolver: str):
        self.milters: list[subprocess.Popen] = []
        self.postfix: Postfix = postfix_to_maildir(domain)
        folder = self.postfix.folder
        self.mail = folder / "mail"
        self.sockets = [folder / "opendkim.sock", folder / "opendmarc.sock"]
        with open(self.postfix.etc / "main.cf", "a") as main:
            main.write(f"smtpd_milters = unix:{self.sockets[0]}, unix:{self.sockets[1]}\nmilter_default_action = tempfail\n"
                       "smtpd_upstream_proxy_protocol = haproxy\n")
        (folder / "resolv.conf").write_text(f"nameserver {resolver}\n")
        (folder / "nobody").write_text("198.51.100.254\n")
        (folder / "opendkim.conf").write_text(
            f"Mode v\nSyslog no\nUMask 000\nSocket local:{self.sockets[0]}\nNameservers {resolver}\n"
            f"AuthservID postfix.example\nInternalHosts {folder}/nobody\n")
        (folder / "opendmarc.conf").write_text(
            f"Syslog false\nUMask 0000\nSocket local:{self.sockets[1]}\nAuthservID postfix.example\nTrustedAuthservIDs postfix.example\n"
            f"IgnoreHosts {folder}/nobody\nSPFIgnoreResults true\nSPFSelfValidate true\nRejectFailures true\n"
            "PublicSuffixList /usr/share/publicsuffix/public_suffix_list.dat\n")
        self.prefix = [*UNSHARE, "sh", "-c", f'mount --bind {folder}/resolv.conf /etc/resolv.conf && exec "$@"', "sh"]
        self.postfix.prefix = self.prefix

    @property
    def target(self) -> str:
        return f"{self.postfix.address}:{self.postfix.port}"

    def start(self) -> "CheckingPostfix":
        folder = self.postfix.folder
        for program, option in ((OPENDKIM, "-x"), (OPENDMARC, "-c")):
            with open(folder / "milters.log", "ab") as log:
                self.milters.append(subprocess.Popen([*self.prefix, str(program), "-f", option, str(folder / f"{program.name}.conf")],
                                                     stdout=log, stderr=log, stdin=subprocess.DEVNULL))
        for socket in self.sockets:
            wait_until(socket.exists, 20, f"{socket.name} is there\n{self.log_text()}")
        self.postfix.start()
        return self

    def log_text(self) -> str:
        log = self.postfix.folder / "milters.log"
        return (log.read_text(errors="replace") if log.exists() else "") + self.postfix.log_text()

    def processes(self) -> list[int]:
        """Postfix's and the milters' (what stands before them has become them)."""
        return [*self.postfix.processes(), *(milter.pid for milter in self.milters)]

    def delivered(self) -> list[pathlib.Path]:
        return [pathlib.Path(where, name) for where, _, names in os.walk(self.mail) if where.endswith("/new") for name in names]

    def close(self) -> None:
        for milter in self.milters:
            milter.terminate()
        for milter in self.milters:
            try:
                milter.wait(10)
            except subprocess.TimeoutExpired:
                milter.kill()
                milter.wait()
        self.postfix.close()

    def __enter__(self) -> "CheckingPostfix":
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_: object) -> None:
        self.close()
