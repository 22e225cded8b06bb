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


def unit(program: str, test: str, options: argparse.Namespace) -> bool:
    """A GoogleTest that runs longer when PABAL_SOAK is set: minutes, with PABAL_SEED for its randomness."""
    make("release", program)
    found = next((ROOT / "build" / "release" / "src").rglob(program))
    command = [str(found), f"--gtest_filter={test}"]
    environment = {"PABAL_SOAK": str(options.minutes), "PABAL_SEED": str(options.seed)}
    print(f"{' '.join(f'{k}={v}' for k, v in environment.items())} {' '.join(command)}", flush=True)
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=False).returncode == 0


def powerloss(options: argparse.Namespace) -> bool:
    return unit("store_test", "*PowerLoss*", options)


def walreset(options: argparse.Namespace) -> bool:
    return unit("db_sqlite_test", "*Reset*:*Checkpoint*", options)


def fuzz(options: argparse.Namespace) -> bool:
    make("fuzz", "fuzzers")
    counts = build.fuzz(options.seed, options.minutes * 60, 24 * 3600)
    for words in counts.words:
        print(words)
    return counts.failed == 0


NAMES = {"kill": kill, "powerloss": powerloss, "walreset": walreset, "fuzz": fuzz}


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/soak", description="Long runs; each prints what repeats it.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=" ".join(NAMES))
    parser.add_argument("--rounds", type=int, default=200, help="kills")
    parser.add_argument("--minutes", type=int, default=10, help="for each fuzz target, and for each random model")
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
