"""Kills the server at random moments while it relays under load, starts it again, and looks whether every promise was kept.

relay_kill_rig.py [--rounds N] [--seed S]: prints a line for each epoch. Used by scripts/soak, and shortly by scripts/test.

Submitters hand in letters for some domains; the host that takes them refuses some recipients for ever, some for a while, and cuts the
line after the final dot now and then. In the end each recipient of a promised letter must be there, or its author must have been told
exactly once. Twice is only what is in doubt: the host's last word was not heard, or a kill came before it was written down."""
import argparse
import base64
import collections
import contextlib
import dataclasses
import pathlib
import random
import re
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from harness.mail_host import PORT, TAKEN, MailHost, Taken
from harness.promises import FastPop3, Load, Tried, recognise
from harness.server import PASSWORD, Server, wait_until

USERS = 24
DOMAIN = "away.example"
DOMAINS = 4
AUTHOR = 0
EACH = 10**7  # numbers of letters for each epoch
NOBODY = {3, 11}           # users that are unknown there
LATER = {5, 6, 17}         # users that are refused now and then
SETTINGS = '[queue]\nremote_port = {port}\nretry = "1s"\nretry_max = "2s"\n[dns]\nzones = ["{zone}"]\nservers = ["127.0.0.1@9"]\n[smtp]\ncheck_sender_fields = false\n'


class Host(MailHost):
    """Notes of each letter that it has whether its answer was sent."""

    def __init__(self, seed: int):
        self.chooser = random.Random(seed)
        self.lock = threading.Lock()
        self.copies: dict[tuple[int, int], list[tuple[float, bool]]] = collections.defaultdict(list)  # by letter and user: when, answered
        self.hashes: dict[int, set[str]] = collections.defaultdict(set)
        self.cut = 0
        super().__init__(self.answer, at_end=self.end)

    def answer(self, address: str) -> str:
        user = int(re.match(r"user(\d+)@", address).group(1))
        if user in NOBODY:
            return "550 5.1.1 no such user"
        with self.lock:
            return "451 4.3.0 later" if user in LATER and self.chooser.random() < 0.5 else TAKEN

    def end(self, letter: Taken) -> str:
        number, digest = recognise(letter.octets)
        with self.lock:
            luck = self.chooser.random()
            if luck < 0.02:
                self.cut += 1
                if luck < 0.01:
                    return ""  # it has nothing
            self.hashes[number].add(digest)
            for address in letter.recipients:
                self.copies[number, int(re.match(r"user(\d+)@", address).group(1))].append((time.monotonic(), luck >= 0.02))
        return "" if luck < 0.02 else "250 2.0.0 taken"


@dataclasses.dataclass
class Verdict:
    promised: int = 0
    recipients: int = 0
    delivered: int = 0
    told: int = 0
    doubled_by_cut: int = 0
    doubled_by_kill: int = 0
    longest: float = 0.0  # between what was taken and the kill that made it come again
    wrong: list[str] = dataclasses.field(default_factory=list)

    def text(self) -> str:
        return (f"{self.promised} promised letters for {self.recipients} recipients: {self.delivered} delivered, {self.told} authors told; twice "
                f"after a cut line {self.doubled_by_cut}, after a kill {self.doubled_by_kill} (taken {self.longest * 1000:.0f} ms before it at most), "
                f"{len(self.wrong)} wrong")


def bounces(server: Server) -> collections.Counter[tuple[int, int]]:
    """How often the author was told that a letter failed for a user; the mailbox is empty then."""
    told: collections.Counter[tuple[int, int]] = collections.Counter()
    box = FastPop3(server, AUTHOR)
    count = box.count()
    for message in box.messages(count):
        number = re.search(rb"^X-Load: (\d{16})\r$", message, re.MULTILINE)
        for found in re.finditer(rb"^Final-Recipient: rfc822; user(\d+)@[^\r]*\r\n(?:[^\r]+\r\n)*?Action: (\w+)", message, re.MULTILINE):
            if number and found.group(2) == b"failed":
                told[int(number.group(1)), int(found.group(1))] += 1
    box.delete(count)
    box.quit()
    return told


def judge(host: Host, told: collections.Counter[tuple[int, int]], tried: dict[int, Tried], kills: list[float]) -> Verdict:
    verdict = Verdict()
    for number, letter in tried.items():
        there = {user: host.copies.get((number, user), []) for user in letter.users}
        told_of = {user: told[number, user] for user in letter.users}
        if host.hashes.get(number, {letter.hash}) != {letter.hash}:
            verdict.wrong.append(f"letter {number} came torn")
        some = any(there.values()) or any(told_of.values())
        if letter.promised:
            verdict.promised += 1
            verdict.recipients += len(letter.users)
        for user in letter.users:
            copies = sorted(there[user])
            if user in NOBODY and copies:
                verdict.wrong.append(f"letter {number} was taken for user{user}, who is unknown")
            if told_of[user] + bool(copies) > 1:
                verdict.wrong.append(f"letter {number}, user{user}: {len(copies)} copies, and told {told_of[user]} times")
            if not copies and not told_of[user]:
                if letter.promised:
                    verdict.wrong.append(f"letter {number} for user{user} was promised and is LOST")
                elif some:
                    verdict.wrong.append(f"letter {number}, in doubt, went on for some recipients and not for user{user}")
                continue
            verdict.delivered += bool(copies)
            verdict.told += told_of[user]
            for (before, answered), (after, _) in zip(copies, copies[1:]):
                killed = [kill for kill in kills if before - 0.1 <= kill <= after]
                if not answered:
                    verdict.doubled_by_cut += 1
                elif killed:
                    verdict.doubled_by_kill += 1
                    verdict.longest = max(verdict.longest, killed[0] - before)
                else:
                    verdict.wrong.append(f"letter {number} came twice for user{user}, {after - before:.3f} s apart, without any doubt")
    for number, user in host.copies:
        if number not in tried or user not in tried[number].users:
            verdict.wrong.append(f"letter {number} came for user{user}, whom nobody wrote to")
    return verdict


def wait_until_promised(load: Load) -> None:
    """Some more letters were taken: a kill while all still log in proves nothing. On a busy machine that takes its time."""
    with contextlib.suppress(TimeoutError):
        before = load.log.read_text().count("promised") if load.log.exists() else 0
        wait_until(lambda: load.log.exists() and load.log.read_text().count("promised") > before + 20, 20, "letters are promised", 0.05)


def epoch(server: Server, host: Host, chooser: random.Random, rounds: int, first: int) -> Verdict:
    login = base64.b64encode(f"\0user{AUTHOR}@{server.domain}\0{PASSWORD}".encode()).decode()
    load = Load(server, first=first, seed=chooser.randrange(2**31), connections=12, users=USERS, size=20_000, listener="submission",
                domain=DOMAIN, more=("--login", login, "--sender", f"user{AUTHOR}@{server.domain}", "--domains", str(DOMAINS)))
    kills = []
    try:
        for _ in range(rounds):
            wait_until_promised(load)
            time.sleep(chooser.uniform(0, 0.6))
            server.kill()
            kills.append(time.monotonic())
            while chooser.random() < 0.2:  # and now and then again while it is coming up
                server.spawn()
                time.sleep(chooser.uniform(0, 0.15))
                server.kill()
                kills.append(time.monotonic())
            server.start()
        time.sleep(0.2)
        tried = load.stop()
    finally:
        load.kill()
    wait_until(lambda: '"letters":[]' in server.cli("queue", "list", "--limit", "1", "--json").stdout.replace(" ", ""), 300,
               "the queue is empty", step=0.5)
    verdict = judge(host, bounces(server), tried, kills)
    host.copies.clear()
    host.hashes.clear()
    server.stop()
    checked = server.cli("store", "check", check=False, seconds=600)
    server.start()
    if checked.returncode != 0:
        verdict.wrong.append(f"store check: {checked.stdout[-2000:]}{checked.stderr[-2000:]}")
    return verdict


def run(rounds: int, seed: int, each: int = 10) -> int:
    """How many things went wrong."""
    chooser = random.Random(seed)
    print(f"relay-kill: {rounds} rounds, seed {seed} (scripts/soak relay-kill --rounds {rounds} --seed {seed} repeats it)", flush=True)
    total = Verdict()
    host = Host(chooser.randrange(2**31))
    with Server() as server:
        zone = server.folder / "away.zone"
        zone.write_text(f"$ORIGIN {DOMAIN}.\n$TTL 600\n@ IN SOA ns hostmaster 1 60 60 60 60\n@ IN NS ns\n* IN MX 10 mx\nmx IN A {host.address}\n")
        server.settings = SETTINGS.format(port=PORT, zone=zone)
        server.write_config()
        server.add_domain()
        server.add_users(1)
        server.start()
        done = 0
        while done < rounds and not total.wrong:
            count = min(each, rounds - done)
            verdict = epoch(server, host, chooser, count, 1 + done * EACH)
            done += count
            print(f"relay-kill: after {done} kills: {verdict.text()}", flush=True)
            for words in verdict.wrong[:20]:
                print(f"  {words}", flush=True)
            for field in ("promised", "recipients", "delivered", "told", "doubled_by_cut", "doubled_by_kill", "wrong"):
                setattr(total, field, getattr(total, field) + getattr(verdict, field))
            total.longest = max(total.longest, verdict.longest)
        if total.wrong:
            server.keep = True
            print(f"  the server's folder is kept: {server.folder}", flush=True)
        elif server.stop() != 0:
            total.wrong.append("the last orderly stop failed")
    host.close()
    print(f"relay-kill: {total.text()}; the host cut {host.cut} lines")
    return len(total.wrong)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**31))
    options = parser.parse_args()
    return 1 if run(options.rounds, options.seed) else 0


if __name__ == "__main__":
    sys.exit(main())
