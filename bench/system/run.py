"""scripts/bench: the whole system measured beside its limits and its peers, in one run on one machine."""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
import auth_load
import imap_index
import imap_load
import imap_million
import relay_load
from tools import BENCH, DOMAIN, USERS, Length, Syscalls, Told, figures, load, rss_kib, say, say_stages, server_with_users, written_bytes
from harness.peers import Dovecot, postfix_to_maildir, why_no_dovecot, why_no_postfix
from harness.promises import FastPop3
from harness.server import PASSWORD, own_address, target, wait_until


def limits(seconds: float) -> dict[str, float]:
    """What the machine allows: an SMTP server that does nothing, and a disk that only writes and flushes."""
    address = f"{own_address()}:2525"
    sink = subprocess.Popen([str(BENCH / "smtp_sink"), address])
    try:
        time.sleep(0.3)
        result = {"limit_sink": load(address, 64, seconds)["rate"]}
        result["limit_sink_full_pipelining"] = load(address, 64, seconds, "full")["rate"]
    finally:
        sink.terminate()
        sink.wait()
    result |= figures(BENCH / "flush_limit", tempfile.gettempdir(), seconds)
    for name, value in result.items():
        say(name, value, 0)
    return result


def measure_ingest(server, name: str, connections: int, seconds: float, pipelining: str) -> float:
    cpu, written = server.cpu_seconds(), written_bytes(server.pid)
    with Syscalls(server.pid) as calls:
        result = load(target(server, "smtp"), connections, seconds, pipelining)
    messages = result["messages"]
    say(f"{name}_rate", result["rate"], 0)
    say(f"{name}_cpu_us", (server.cpu_seconds() - cpu) * 1e6 / messages)
    say(f"{name}_latency_p50_us", result["latency_p50_us"], 0)
    say(f"{name}_latency_p99_us", result["latency_p99_us"], 0)
    say(f"{name}_written_kib", (written_bytes(server.pid) - written) / 1024 / messages)
    if calls.flushes() is not None:
        say(f"{name}_flushes", calls.flushes() / messages, 3)
    return result["rate"]


def ingest(length: Length) -> None:
    seconds = length.pick(2.5, 4.0, 15.0)
    most = limits(length.pick(1.0, 1.5, 3.0))
    with server_with_users() as server:
        server.start()
        load(target(server, "smtp"), 8, 1.0)  # warm
        one = measure_ingest(server, "ingest_1", 1, seconds, "commands")
        if not length.brief:
            measure_ingest(server, "ingest_8", 8, seconds, "commands")
        best = measure_ingest(server, "ingest_64", 64, seconds, "commands")
        if not length.brief:
            measure_ingest(server, "ingest_64_full_pipelining", 64, seconds, "full")
        lower = min(most["limit_sink"], most["limit_append_64"])
        say("ingest_64_of_lower_limit", best / lower, 3)
        say("ingest_1_of_flush_rate", one / most["limit_append_1"], 3)
        if not length.brief:
            say_stages("ingest_64", server, seconds, lambda: load(target(server, "smtp"), 64, seconds))
        say("server_rss_mib", rss_kib(server.pid) / 1024)
        if not server.cli("store", "check", check=False).returncode == 0:
            say("store_check", "FAILED")
    if length.brief:
        return
    if reason := why_no_postfix():
        print(f"# no peer: {reason}")
        return
    with postfix_to_maildir(DOMAIN) as postfix:
        for connections in (1, 8, 64) if length.long else (8,):
            begin, had = time.monotonic(), count_files(postfix.folder / "mail")
            messages = load(f"{postfix.address}:{postfix.port}", connections, seconds)["messages"]
            wait_until(lambda: count_files(postfix.folder / "mail") - had >= messages, 300, "Postfix has delivered all", 0.05)
            say(f"peer_postfix_maildir_{connections}_rate", messages / (time.monotonic() - begin), 0)


def count_files(folder: pathlib.Path) -> int:
    return sum(len(files) for where, _, files in os.walk(folder) if where.endswith("/new"))


def pop3(length: Length) -> None:
    seconds = length.pick(1.5, 3.0, 10.0)
    readers, each = 10, 200
    with server_with_users(readers) as server:
        server.start()
        load(target(server, "smtp"), 8, 0, messages=readers * each, users=readers)
        boxes = []
        for user in range(readers):
            box = FastPop3(server, user)
            boxes.append(list(box.messages(box.count())))
            box.quit()
        ours, theirs = [], []
        dovecot = None if why_no_dovecot() else Dovecot(DOMAIN, readers)
        if dovecot:
            for user, box in enumerate(boxes):
                dovecot.add_maildir_messages(user, box)
            dovecot.start()
        try:
            for _ in range(length.pick(1, 2, 3)):
                cpu = server.cpu_seconds()
                result = figures(BENCH / "pop3_load", "--target", target(server, "pop3"), "--connections", readers, "--seconds",
                                 seconds, "--password", PASSWORD)
                ours.append((result["rate"], (server.cpu_seconds() - cpu) * 1e6 / result["retrieved"], result["client_cpu_us"]))
                if dovecot:
                    cpu = dovecot.cpu_seconds()
                    result = figures(BENCH / "pop3_load", "--target", f"{dovecot.address}:{dovecot.port}", "--connections",
                                     readers, "--seconds", seconds, "--password", PASSWORD)
                    time.sleep(0.5)  # its processes end with their sessions, and count then
                    theirs.append((result["rate"], (dovecot.cpu_seconds() - cpu) * 1e6 / result["retrieved"]))
        finally:
            if dovecot:
                dovecot.close()
        say("pop3_rate", max(ours)[0], 0)
        say("pop3_cpu_us", max(ours)[1])
        say("pop3_client_cpu_us", max(ours)[2])
        if theirs:
            say("peer_dovecot_pop3_rate", max(theirs)[0], 0)
            say("peer_dovecot_pop3_cpu_us", max(theirs)[1])
            say("pop3_of_dovecot", max(ours)[0] / max(theirs)[0], 2)
        if not length.brief:
            say_stages("pop3", server, seconds,
                       lambda: figures(BENCH / "pop3_load", "--target", target(server, "pop3"), "--connections", readers, "--seconds",
                                       seconds, "--password", PASSWORD))


def idle(length: Length) -> None:
    count = length.pick(2000, 5000, 5000)
    for name, listener, more in (("plain", "smtp", []), ("tls", "submissions", ["--tls"]), ("pop3_plain", "pop3", ["--say", ""]),
                                 ("pop3_tls", "pop3s", ["--tls", "--say", ""])):
        if name.startswith("pop3") and not length.long:
            continue
        with server_with_users(1) as server:
            server.start()
            result = figures(BENCH / "idle_connections", "--target", target(server, listener), "--connections", count, "--pid",
                             server.pid, *more, seconds=600)
            say(f"idle_{name}_pss_kib", result["pss_kib_each"], 2)
            say(f"idle_{name}_opened_per_second", result["opened_per_second"], 0)
    idle_imap(length)


def idle_imap(length: Length) -> None:
    """Readers that have INBOX open and wait in IDLE; and logins whose password is remembered."""
    count, users, before = length.pick(2_000, 5_000, 10_000), USERS, 50
    login = f"a LOGIN user{{user}}@{DOMAIN} \"{PASSWORD}\"\r\nb SELECT INBOX\r\n"
    idle_words = ["--say", login + "c IDLE\r\n", "--until", "+ "]
    with server_with_users(users) as server:
        server.start()
        load(target(server, "smtp"), 8, 0, messages=users * 10, users=users)
        # Every password once, slowly.
        figures(BENCH / "imap_logins", "--target", target(server, "imap"), "--users", users, "--logins", users, "--threads", 2,
                "--password", PASSWORD, "--domain", DOMAIN)
        result = figures(BENCH / "imap_logins", "--target", target(server, "imap"), "--users", users, "--seconds", length.pick(2, 4, 4),
                         "--threads", 4, "--password", PASSWORD, "--domain", DOMAIN)
        told = Told()
        told.tell("imap_logins_per_second", result["rate"], 0)
    kinds = [("plain", "imap", idle_words), ("tls", "imaps", ["--tls", *idle_words])]
    if not length.brief:  # the suite measures fewer of these (imap_load.py)
        kinds += [("compressed", "imap", ["--say", login, "--until", "b OK", "--deflate"]),
                  ("tls_compressed", "imaps", ["--tls", "--say", login, "--until", "b OK", "--deflate"])]
    for name, listener, more in kinds:
        # Connections beyond the server's own default of 10,000, so that the last of them is no stranger that is sent away.
        with server_with_users(users, limits={"connections": count + 200}) as server:
            server.start()
            load(target(server, "smtp"), 8, 0, messages=users * 10, users=users)
            result = figures(BENCH / "idle_connections", "--target", target(server, listener), "--connections", count - before, "--before", before,
                             "--pid", server.pid, "--users", users, "--settle", length.pick(4, 8, 8), *more, seconds=900)
            say(f"idle_imap_{name}_pss_kib", result["pss_kib_each"], 2)
            told.tell(f"idle_imap_{name}_process_kib", result["process_pss_kib_each"], 2)
    if not length.brief:
        told.say_targets((("imap_logins_per_second", "least", 3_000), ("idle_imap_plain_process_kib", "most", 9),
                          ("idle_imap_tls_process_kib", "most", 40)))


def go_first() -> bool:
    """Real-time priority for this process and all that it starts: what else the machine is at changes the figures less."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except OSError:
        return False
    return True


def message(_length: Length) -> None:
    """The message library beside GMime; over real letters where the corpus stands beside the project."""
    root = pathlib.Path(__file__).resolve().parent.parent.parent
    corpus = root.parent / "shared" / "suites" / "spam-dev"
    for name, value in figures(BENCH / "message_load", corpus).items():
        say(name, value)


def imap(length: Length) -> None:
    imap_load.run(length)
    imap_index.run(length)


NAMES = {"ingest": ingest, "pop3": pop3, "imap": imap, "imap-million": imap_million.run, "relay": relay_load.run, "auth": auth_load.run, "idle": idle, "message": message}
ONLY_LONG = {"imap-million"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Whole-system benchmarks, one line a figure.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=" ".join(NAMES))
    lengths = parser.add_mutually_exclusive_group()
    lengths.add_argument("--brief", dest="length", action="store_const", const="brief", default="short", help="only what has a budget in the suite")
    lengths.add_argument("--long", dest="length", action="store_const", const="long", help="longer, for figures to keep")
    parser.add_argument("--realtime", action="store_true", help="before all else that runs on this machine, where that is allowed")
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    say("cores", os.cpu_count() or 0)
    say("realtime", int(options.realtime and go_first()))
    say("users", USERS)
    # A mailbox of a million takes minutes to fill: only where it is asked for, or all is to be long.
    for name in options.names or [name for name in NAMES if name not in ONLY_LONG or options.length == "long"]:
        print(f"# {name}", flush=True)
        NAMES[name](Length(options.length))
    return 0


if __name__ == "__main__":
    sys.exit(main())
