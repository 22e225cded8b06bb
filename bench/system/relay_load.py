"""Relaying: letters of submitters that go out to another server, which takes all and keeps none; beside Postfix."""
import base64
import contextlib
import functools
import pathlib
import smtplib
import socket
import subprocess
import tempfile
import time

from tools import BENCH, DOMAIN, Length, Syscalls, load, processes_cpu, rss_kib, say, server_with_users
from harness.mail_host import MailHost
from harness.peers import postfix_relay, why_no_postfix
from harness.server import PASSWORD, own_address, target, wait_until

SINK_PORT = 2526
ELSEWHERE = "elsewhere.example"


class Sink:
    """Ends by itself when so many messages have come."""

    def __init__(self, address: str, messages: int) -> None:
        self.process = subprocess.Popen([str(BENCH / "smtp_sink"), f"{address}:{SINK_PORT}", str(messages)])
        time.sleep(0.3)

    def wait(self, seconds: float) -> None:
        self.process.wait(seconds)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def accept_and_deliver(where: str, sink_at: str, count: int, cpu, **more: object) -> tuple[float, float]:
    """Letters a second from the first command to the last delivery, and the server's CPU seconds for each."""
    sink = Sink(sink_at, count)
    try:
        before, begin = cpu(), time.monotonic()
        load(where, 64, 0, messages=count, domain=ELSEWHERE, **more)
        sink.wait(300)
        return count / (time.monotonic() - begin), (cpu() - before) / count
    finally:
        sink.close()


class Silence:
    """A host that answers nobody: its queue of connections is full, so that the kernel drops what comes."""

    def __init__(self) -> None:
        self.address = own_address()
        self.sockets = [socket.create_server((self.address, SINK_PORT), backlog=0)]
        for _ in range(8):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex((self.address, SINK_PORT))
            self.sockets.append(one)
        time.sleep(0.2)

    def close(self) -> None:
        for one in self.sockets:
            one.close()


def among_the_dead(length: Length, kind: str) -> None:
    """How long a letter to a host that lives takes, from 250 to 250, while very many wait for hosts that don't: that refuse
    connections (dead), or say nothing at all (silent)."""
    letters, domains = length.pick((2_000, 200), (20_000, 2_000), (100_000, 10_000))
    receiver = MailHost(port=SINK_PORT)
    silence = Silence() if kind == "silent" else None
    with contextlib.closing(receiver), contextlib.closing(silence) if silence else contextlib.nullcontext(), tempfile.TemporaryDirectory() as folder:
        zone = pathlib.Path(folder) / "bench.zone"
        zone.write_text(f"$ORIGIN example.\n$TTL 600\n@ IN SOA ns hostmaster 1 60 60 60 60\n@ IN NS ns\n*.dead IN MX 10 mx.dead\n"
                        f"mx.dead IN A {silence.address if silence else own_address()}\n*.live IN MX 10 mx.live\nmx.live IN A {receiver.address}\n")
        settings = (f'[dns]\nzones = ["{zone}"]\n[queue]\nremote_port = {SINK_PORT}\n[smtp]\ncheck_sender_fields = false\n')
        with server_with_users(2, settings=settings) as server:
            server.start()
            login = base64.b64encode(f"\0user0@{DOMAIN}\0{PASSWORD}".encode()).decode()
            load(target(server, "submission"), 64, 0, messages=letters, domain="dead.example", domains=domains, login=login,
                 sender=f"user0@{DOMAIN}", size=1024)
            # Each to a domain that was never written to, by another and by him whose letters wait.
            waits = {}
            for user in (1, 0):
                taken = {}
                host, port = target(server, "submission").rsplit(":", 1)
                with smtplib.SMTP(host, int(port)) as client:
                    client.login(f"user{user}@{DOMAIN}", PASSWORD)
                    for number in range(20):
                        client.sendmail(f"user{user}@{DOMAIN}", [f"somebody@of{user}n{number}.live.example"],
                                        f"From: user{user}@{DOMAIN}\r\nSubject: live {user} {number}\r\n\r\nx\r\n")
                        taken[f"live {user} {number}"] = time.monotonic()
                        time.sleep(0.05)
                there = functools.partial(lambda wanted: sum(letter.subject in wanted for letter in receiver.letters) == len(wanted), taken)
                wait_until(there, 60, "all letters to the living have come")
                waits[user] = sorted((letter.time - taken[letter.subject]) * 1000 for letter in receiver.letters if letter.subject in taken)
            say(f"relay_{kind}_letters", letters)
            for name, of in (("", waits[1]), ("own_", waits[0])):
                say(f"relay_{name}live_among_{kind}_p50_ms", max(of[len(of) // 2], 0.0))
                say(f"relay_{name}live_among_{kind}_most_ms", max(of[-1], 0.0))
            say(f"relay_{kind}_server_rss_mib", rss_kib(server.pid) / 1024)


def run(length: Length) -> None:
    among_the_dead(length, "dead")
    among_the_dead(length, "silent")
    count = length.pick(3_000, 20_000, 100_000)
    login = base64.b64encode(f"\0user0@{DOMAIN}\0{PASSWORD}".encode()).decode()
    sink_at = own_address()
    settings = f'[queue]\nsmart_host = "{sink_at}:{SINK_PORT}"\n[smtp]\ncheck_sender_fields = false\n'
    with server_with_users(1, settings=settings) as server:
        server.start()
        more = {"login": login, "sender": f"user0@{DOMAIN}"}
        accept_and_deliver(target(server, "submission"), sink_at, 300, server.cpu_seconds, **more)  # warm
        with Syscalls(server.pid) as calls:
            rate, cpu = accept_and_deliver(target(server, "submission"), sink_at, count, server.cpu_seconds, **more)
        say("relay_64_rate", rate, 0)
        say("relay_64_cpu_us", cpu * 1e6)
        if calls.flushes() is not None:
            say("relay_64_flushes", calls.flushes() / count, 3)
        say("relay_server_rss_mib", rss_kib(server.pid) / 1024)
        if server.cli("store", "check", check=False).returncode != 0:
            say("relay_store_check", "FAILED")
    if reason := why_no_postfix():
        print(f"# no peer: {reason}")
        return
    # Tuned: as many deliveries side by side as there are senders.
    tuned = {"default_destination_concurrency_limit": "64", "initial_destination_concurrency": "64", "default_process_limit": "200",
             "qmgr_message_active_limit": "100000"}
    with postfix_relay(sink_at, SINK_PORT, tuned) as postfix:
        some = min(count, 5_000)
        before = processes_cpu(postfix.processes())
        theirs, _ = accept_and_deliver(f"{postfix.address}:{postfix.port}", sink_at, some, lambda: 0.0)
        spent = processes_cpu(postfix.processes()) - before
    say("peer_postfix_relay_64_rate", theirs, 0)
    say("peer_postfix_relay_64_cpu_us", spent * 1e6 / some)
    say("relay_64_of_postfix", rate / theirs, 2)
    if cpu > 0 and spent > 0:
        say("relay_64_cpu_of_postfix", spent / some / cpu, 2)
