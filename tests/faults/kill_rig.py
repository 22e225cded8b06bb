"""Kills the server at random moments under load, starts it again, and looks whether every promise was kept.

kill_rig.py [--rounds N] [--seed S]: prints a line for each epoch. Used by scripts/soak, and shortly by scripts/test."""
import argparse
import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from harness.imap_promises import ImapWriter
from harness.promises import FastPop3, Load, Tried, Verdict, recognise, verify
from harness.server import Server

USERS = 20
EACH = 10**7  # numbers of messages for each kill, more than are ever sent: half for each load
DRAINED = range(16, 20)  # mailboxes that a reader empties all the while
WRITERS = range(USERS, USERS + 6)  # accounts that IMAP alone writes to


class Drain(threading.Thread):
    """Fetches and deletes from some mailboxes while the server lives and dies, and notes what it removed."""

    def __init__(self, server: Server, seed: int):
        super().__init__(daemon=True)
        self.server = server
        self.chooser = random.Random(seed)
        self.seen: list[tuple[int, int, str]] = []  # number, user, hash
        self.deleted: set[tuple[int, int]] = set()
        self.maybe: set[tuple[int, int]] = set()
        self.came_back: list[tuple[int, int]] = []
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.is_set():
            try:
                self.once(self.chooser.choice(DRAINED))
            except (OSError, EOFError, AssertionError):
                pass  # the server died meanwhile: what was under way stays in doubt
            time.sleep(self.chooser.uniform(0, 0.2))

    def once(self, user: int) -> None:
        box = FastPop3(self.server, user, timeout=20)
        try:
            count = min(box.count(), 100)
            numbers = []
            for message in box.messages(count):
                number, digest = recognise(message)
                numbers.append(number)
                if (number, user) in self.deleted:
                    self.came_back.append((number, user))
                self.seen.append((number, user, digest))
            box.delete(count)
            marked = {(number, user) for number in numbers}
            self.maybe |= marked
            box.quit()
            self.deleted |= marked
            self.maybe -= marked
        finally:
            box.close()


def epoch(server: Server, chooser: random.Random, rounds: int, first: int, writers: list[ImapWriter]) -> Verdict:
    """Some kills under load, then a look at everything; mailboxes are empty before and after."""
    loads = [Load(server, first=first, seed=chooser.randrange(2**31), connections=15, users=USERS),
             Load(server, first=first + EACH // 2, seed=chooser.randrange(2**31), connections=1, users=USERS, size_from=100_000,
                  size=6_000_000, pipelining="commands")]
    drain = Drain(server, chooser.randrange(2**31))
    drain.start()
    writers[:] = [renewed(writer) for writer in writers]
    for writer in writers:
        writer.start()
    try:
        for _ in range(rounds):
            time.sleep(chooser.uniform(0.02, 0.7))
            server.kill()
            while chooser.random() < 0.2:  # and now and then again while it is coming up
                server.spawn()
                time.sleep(chooser.uniform(0, 0.15))
                server.kill()
            server.start()
        time.sleep(0.2)
        for one in (drain, *writers):
            one.over.set()
        for one in (drain, *writers):
            one.join(60)
        tried: dict[int, Tried] = {}
        for load in loads:
            tried |= load.stop()
    finally:
        for one in (drain, *writers):
            one.over.set()
        for load in loads:
            load.kill()
    server.stop()
    checked = server.cli("store", "check", check=False, seconds=600)
    server.start()
    verdict = verify(server, tried, USERS, deleted=drain.deleted, maybe_deleted=drain.maybe, clear=True)
    for number, user, digest in drain.seen:
        if number not in tried:
            verdict.wrong.append(f"user{user}: fetched a message that nobody sent: {number}")
        elif digest != tried[number].hash:
            verdict.wrong.append(f"user{user}: fetched message {number} torn")
    verdict.wrong += [f"user{user}: message {number} was deleted and came back" for number, user in drain.came_back]
    for writer in writers:
        if not writer.wrong:
            writer.verify()
        verdict.wrong += writer.wrong
    if checked.returncode != 0:
        verdict.wrong.append(f"store check: {checked.stdout[-2000:]}{checked.stderr[-2000:]}")
    return verdict


def renewed(writer: ImapWriter) -> ImapWriter:
    """A thread that goes on where this one was."""
    new = ImapWriter(writer.server, writer.user, writer.chooser.randrange(2**31))
    new.state, new.done, new.doubts, new.happened, new.letters = writer.state, writer.done, writer.doubts, writer.happened, writer.letters
    return new


# Small segments and files, so that recycling and reclaiming happen within minutes.
SEGMENTS = '[store]\nsegment_size = "4M"\nfile_min = "1M"\nspill_at = "256k"\n'


def run(rounds: int, seed: int, each: int = 10, settings: str = SEGMENTS) -> int:
    """How many things went wrong."""
    chooser = random.Random(seed)
    print(f"kill: {rounds} rounds, seed {seed} (scripts/soak kill --rounds {rounds} --seed {seed} repeats it)", flush=True)
    wrong = 0
    total = 0
    with Server(settings=settings) as server:
        server.add_domain()
        server.add_users(USERS + len(WRITERS))
        server.start()
        writers = [ImapWriter(server, user, chooser.randrange(2**31)) for user in WRITERS]
        done = 0
        while done < rounds:
            count = min(each, rounds - done)
            verdict = epoch(server, chooser, count, 1 + done * EACH, writers)
            done += count
            wrong += len(verdict.wrong)
            total += verdict.promised
            commands = sum(sum(writer.done.values()) for writer in writers)
            doubts, happened = (sum(getattr(writer, what) for writer in writers) for what in ("doubts", "happened"))
            print(f"kill: after {done} kills: {verdict.text()}; {commands} IMAP commands kept, {doubts} in doubt ({happened} of them "
                  "done)", flush=True)
            for words in verdict.wrong[:20]:
                print(f"  {words}", flush=True)
            if verdict.wrong:
                server.keep = True
                print(f"  the server's folder is kept: {server.folder}", flush=True)
                break
        if wrong == 0 and server.stop() != 0:
            wrong += 1
            print("  the last orderly stop failed")
    print(f"kill: {total} promised messages, {wrong} wrong")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**31))
    options = parser.parse_args()
    return 1 if run(options.rounds, options.seed) else 0


if __name__ == "__main__":
    sys.exit(main())
