"""Relaying: letters of submitters that go out to another server, which takes all and keeps none; beside Postfix."""
import base64
import subprocess
import time

from tools import BENCH, DOMAIN, Length, Syscalls, load, rss_kib, say, server_with_users
from harness.peers import postfix_relay, why_no_postfix
from harness.server import PASSWORD, own_address, target

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


def run(length: Length) -> None:
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
        before = children_cpu(postfix.processes())
        theirs, _ = accept_and_deliver(f"{postfix.address}:{postfix.port}", sink_at, some, lambda: 0.0)
        spent = children_cpu(postfix.processes()) - before
    say("peer_postfix_relay_64_rate", theirs, 0)
    say("peer_postfix_relay_64_cpu_us", spent * 1e6 / some)
    say("relay_64_of_postfix", rate / theirs, 2)
    if cpu > 0 and spent > 0:
        say("relay_64_cpu_of_postfix", spent / some / cpu, 2)


def children_cpu(pids: list[int]) -> float:
    """CPU seconds of processes and of their children that have ended."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                words = file.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += sum(int(word) for word in words[11:15])
    return total / 100
