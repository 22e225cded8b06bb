"""scripts/soak: the long runs."""
import argparse
import os
import pathlib
import random
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "faults")]
import build
from stage import JOBS, ROOT


def make(flavour: str, *targets: str) -> None:
    subprocess.run(["cmake", "--preset", flavour], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", f"build/{flavour}", "-j", str(JOBS), "--target", *targets], cwd=ROOT, check=True,
                   stdout=subprocess.DEVNULL)


def kill(options: argparse.Namespace) -> bool:
    make("release", "pabal", "smtp_load")
    import kill_rig
    return kill_rig.run(options.rounds, options.seed) == 0


def relay_kill(options: argparse.Namespace) -> bool:
    """The same while letters leave."""
    make("release", "pabal", "smtp_load")
    import relay_kill_rig
    return relay_kill_rig.run(options.rounds, options.seed) == 0


def unit(program: str, tests: str, environment: dict[str, str], *more: str) -> bool:
    """A part of a GoogleTest program, run longer than the suite does."""
    make("release", program)
    found = next((ROOT / "build" / "release" / "src").rglob(program))
    command = [str(found), f"--gtest_filter={tests}", *more]
    print(" ".join([*(f"{name}={value}" for name, value in environment.items()), *command]), flush=True)
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=False).returncode == 0


def powerloss(options: argparse.Namespace) -> bool:
    """The disk as a power loss may leave it, thousands of times: of the database alone, and of the whole store."""
    environment = {"PABAL_POWER_LOSS_STATES": str(options.states), "PABAL_SEED": str(options.seed)}
    results = [unit(program, "PowerLoss*:*PowerLoss*", environment) for program in ("db_sqlite_test", "store_test")]
    return all(results)


def walreset(options: argparse.Namespace) -> bool:
    """Checkpoints against commits."""
    return unit("db_sqlite_test", "Checkpoint*", {"PABAL_SEED": str(options.seed)}, f"--gtest_repeat={options.repeat}", "--gtest_break_on_failure")


def imap(options: argparse.Namespace) -> bool:
    """Many IMAP sessions do random commands, and a model says what each must see."""
    return unit("server_imap_test", "ImapStress.Random*", {"PABAL_STRESS_COMMANDS": str(options.commands), "PABAL_SEED": str(options.seed)})


def fuzz(options: argparse.Namespace) -> bool:
    make("asan", "fuzzers")
    counts = build.fuzz([options.seed], options.minutes * 60, 24 * 3600)
    for words in counts.words:
        print(words)
    return counts.failed == 0


NAMES = {"kill": kill, "relay-kill": relay_kill, "powerloss": powerloss, "walreset": walreset, "imap": imap, "fuzz": fuzz}


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/soak", description="Long runs; each prints what repeats it.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=" ".join(NAMES))
    parser.add_argument("--rounds", type=int, default=200, help="kills")
    parser.add_argument("--states", type=int, default=50_000, help="of a disk after power losses")
    parser.add_argument("--repeat", type=int, default=100, help="of the checkpoint tests")
    parser.add_argument("--commands", type=int, default=100_000, help="of IMAP's sessions")
    parser.add_argument("--minutes", type=int, default=5, help="for each fuzz target")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1, 2**31))
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"no such run: {', '.join(sorted(unknown))}")
    failed = []
    for name in options.names or NAMES:
        print(f"== {name}, seed {options.seed}", flush=True)
        if not NAMES[name](options):
            failed.append(name)
    print(f"soak: {'all held' if not failed else 'FAILED: ' + ', '.join(failed)} (seed {options.seed})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
