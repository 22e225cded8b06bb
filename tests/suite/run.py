"""The suite: all stages in order, their times and counts, and the closing line that scripts/test promises."""
import argparse
import json
import os
import random
import re
import sys
import time
from collections.abc import Callable

sys.path.insert(0, os.path.dirname(__file__))
import build
from stage import JOBS, LOGS, ROOT, Counts, failed, log_tail, run, simple, skipped


def release() -> Counts:
    counts = build.build("release")
    if counts.failed == 0:
        counts.add(build.unit_tests("release", seconds=1200))
    return counts


def asan() -> Counts:
    counts = build.build("asan")
    if counts.failed == 0:
        counts.add(build.unit_tests("asan", seconds=1800, environment={
            "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1:abort_on_error=0",
            "UBSAN_OPTIONS": "print_stacktrace=1"}))
    return counts


def fuzz(options: argparse.Namespace) -> Counts:
    counts = build.build("asan", ["fuzzers"])
    if counts.failed == 0:
        # What a change must pass should say something of the change: luck is for scripts/soak, or for who gives a --fuzz-seed.
        numbers = [build.FUZZ_SEED] + ([options.fuzz_seed] if options.fuzz_seed else [])
        counts.add(build.fuzz(numbers, options.fuzz_seconds, options.fuzz_seconds_all))
    return counts


def python_tests(folder: str, options: argparse.Namespace) -> Counts:
    """The unittest files of a folder under tests/."""
    result = LOGS / f"{folder}.json"
    result.unlink(missing_ok=True)
    # On the disk that the project is on: /tmp may be memory.
    place = ROOT / "build" / "test-data"
    place.mkdir(parents=True, exist_ok=True)
    # End-to-end tests mostly wait; those of faults load the machine.
    jobs = 2 * JOBS if folder == "e2e" else 1
    status = run(folder, [sys.executable, "tests/e2e/run.py", "--folder", folder, "--jobs", str(jobs), "--json", str(result)], seconds=1200,
                 environment={"TMPDIR": str(place), "PABAL_SEED": str(options.seed)})
    if not result.exists():
        return failed(f"{folder}: " + ("took too long" if status is None else f"exit status {status}") + "\n" + log_tail(folder))
    said = json.loads(result.read_text())
    counts = Counts(said["passed"], said["failed"], said["skipped"], said["words"])
    if status != 0 and counts.failed == 0:
        counts.add(failed(f"{folder}: exit status {status}\n" + log_tail(folder)))
    return counts


def differential(name: str = "compare") -> Counts:
    """Other programs over the same input; each difference must be listed, or belong to a class that says who is right."""
    log = "differential" if name == "compare" else f"differential_{name}"
    status = run(log, [sys.executable, f"tests/differential/{name}.py"], seconds=300)
    lines = (LOGS / f"{log}.log").read_text(errors="replace").splitlines()
    match = re.fullmatch(r"(\d+) passed, (\d+) failed, (\d+) skipped", lines[-1]) if lines else None
    if status is None or match is None:
        return failed(f"{log}: took too long or did not run\n" + log_tail(log))
    words = [line for line in lines if line.startswith(("FAILED", "skipped"))][:50]
    return Counts(*map(int, match.groups()), words)


def policies() -> Counts:
    """SPF beside pyspf, DMARC beside libopendmarc; and the table for people of all that others see otherwise."""
    counts = simple("differences", [sys.executable, "tests/differential/table.py", "--check"], seconds=60)
    counts.add(differential("spf_compare"))
    counts.add(differential("dmarc_compare"))
    return counts


# Figures that a short run on a busy machine must keep, too: name, most, what it is. Where the benchmarks may not go before all
# else, flushes have room: senders that a busy machine holds up make smaller groups (0.085 on a quiet one).
BUDGETS = (
    ("idle_plain_pss_kib", 8.0, "KiB of memory for an idle plain connection"),
    ("idle_tls_pss_kib", 40.0, "KiB of memory for an idle TLS connection"),
    ("imap_idle_plain_pss_kib", 7.0, "KiB of memory for a plain connection in IDLE with a mailbox open"),
    ("imap_idle_tls_pss_kib", 40.0, "KiB of memory for a TLS connection in IDLE with a mailbox open"),
    ("imap_idle_compressed_pss_kib", 40.0, "KiB of memory for a connection in IDLE with COMPRESS=DEFLATE, some seconds after its last word"),
    ("imap_index_1000_cpu_s", 1.5, "s of CPU to index 1,000 letters, half of them Korean, for SEARCH"),
    ("ingest_64_flushes", 0.1, "flushes for a message from 64 senders"),
    ("ingest_1_flushes", 1.3, "flushes for a message from one sender"),
    ("auth_sign_both_of_signatures_alone", 1.2, "of what the two signatures alone cost, to sign with both"),
)
ROOM_ON_A_BUSY_MACHINE = {"ingest_64_flushes": 0.15, "auth_sign_both_of_signatures_alone": 1.4}
# The same the other way round: name, least, what it is. Ratios of two measurements of one run, which a busy machine bends little.
# Those of IMAP are half of what such a run gives, or less: they are to catch what became twice as slow. What is wanted of 100,000 messages
# on a quiet machine `scripts/bench --long imap` shows beside its figures.
LEAST = (
    ("message_parse_attachments_of_gmime", 5.0, "times GMime's rate for a letter with attachments"),
    ("message_parse_small_of_gmime", 5.0, "times GMime's rate for small letters"),
    ("imap_flags_of_dovecot", 2.0, "times as fast as Dovecot at the flags of a whole mailbox"),
    ("imap_flags_first_of_dovecot_again", 1.3, "times as fast at them right after a start as Dovecot when it is warm"),
    ("imap_envelope_of_dovecot", 2.5, "times as fast as Dovecot at the envelopes of a whole mailbox"),
    ("imap_envelope_first_of_dovecot_again", 1.6, "times as fast at them right after a start as Dovecot when it is warm"),
    ("imap_bodies_of_dovecot", 0.8, "times as fast as Dovecot at all letters of a mailbox"),
    ("imap_select_again_of_dovecot", 0.4, "times as fast as Dovecot at SELECT of a mailbox that was open before"),
    ("imap_search_from_of_dovecot", 6.0, "times as fast as Dovecot at SEARCH FROM"),
    ("imap_search_text_of_dovecot", 40.0, "times as fast as Dovecot, which has no index here, at SEARCH TEXT"),
    ("imap_copy_of_dovecot", 0.5, "times as fast as Dovecot at COPY of all"),
    ("imap_expunge_of_dovecot", 0.7, "times as fast as Dovecot at EXPUNGE of all"),
    ("imap_append_of_flush_rate", 0.15, "letters by APPEND, one at a time, for each flush that the disk does in that time"),
    ("imap_logins_of_dovecot", 1.5, "times Dovecot's rate of logins"),
    ("auth_ingest_64_of_postfix", 7.0, "times Postfix with opendkim and opendmarc (10 on a quiet machine)"),
)
# What one processor gives: half of it will do where the benchmarks may not go before all else.
LEAST_OF_A_QUIET_MACHINE = (
    ("message_parse_attachments_mb_s", 1000.0, "MB/s of a letter with attachments"),
    ("message_parse_small_mb_s", 300.0, "MB/s of small letters"),
    ("message_base64_decode_mb_s", 3000.0, "MB/s of base64"),
    ("auth_ingest_64_rate", 3000.0, "letters/s from 64 senders with all checks on"),
    ("imap_logins_rate", 3000.0, "logins/s with a remembered password"),
)
MOST_ON_A_QUIET_MACHINE = (
    ("auth_check_letter_cpu_us", 120.0, "µs to check SPF, an RSA-2048 signature and DMARC of a letter of 10 KiB"),
    # Next to nothing but fixed costs and a flush: what goes through the rows of 3,000 messages takes longer.
    ("imap_select_first_ms", 8.0, "ms for SELECT right after a start"),
    ("imap_store_again_ms", 10.0, "ms for STORE on 3,000 messages"),
    ("message_derive_10k_us", 40.0, "µs to derive what is kept of a letter of 10 KiB"),
)


def budgets(quiet: bool) -> list[tuple[str, float | None, float | None, str]]:
    """Name, least, most, what it is."""
    room = 1 if quiet else 2
    return ([(name, None, most if quiet else ROOM_ON_A_BUSY_MACHINE.get(name, most), what) for name, most, what in BUDGETS]
            + [(name, None, most * room, what) for name, most, what in MOST_ON_A_QUIET_MACHINE]
            + [(name, least, None, what) for name, least, what in LEAST]
            + [(name, least / room, None, what) for name, least, what in LEAST_OF_A_QUIET_MACHINE])


def bench() -> Counts:
    """The short form of all benchmarks: each figure is shown, those with a budget are tests."""
    counts = simple("bench", ["scripts/bench", "--brief", "--realtime"], seconds=900)
    if counts.failed:
        return counts
    figures = dict(line.split("=", 1) for line in (LOGS / "bench.log").read_text().splitlines() if "=" in line)
    for name, value in figures.items():
        if not name.startswith(("ingest_64_cpu_percent", "auth_ingest_64_cpu_percent", "pop3_cpu_percent")):
            print(f"   {name}={value}")
    for name, least, most, what in budgets(figures.get("realtime") == "1"):
        if name not in figures:
            counts.add(skipped(f"bench {name}: not measured"))
        elif most is not None and float(figures[name]) > most:
            counts.add(failed(f"bench {name}={figures[name]}: at most {most} {what}"))
        elif least is not None and float(figures[name]) < least:
            counts.add(failed(f"bench {name}={figures[name]}: at least {least} {what}"))
        else:
            counts.passed += 1
    return counts


def stages(options: argparse.Namespace) -> list[tuple[str, str, bool, Callable[[], Counts]]]:
    """Name, what it is, whether --quick leaves it out, and its run."""
    return [
        ("layers", "the #includes point down", False, lambda: simple("layers", ["scripts/check-layers"], seconds=60)),
        ("files", "house rules that a glance can check", False, lambda: simple("files", ["scripts/check-files"], seconds=60)),
        ("format", "clang-format", False, lambda: simple("format", ["scripts/format", "--check"], seconds=300)),
        ("release", "release build and its unit tests", False, release),
        ("differential", "GMime and Python's email package over the same messages", False, differential),
        ("policies", "SPF beside pyspf, DMARC beside libopendmarc", False, policies),
        ("e2e", "end-to-end tests with real clients", False, lambda: python_tests("e2e", options)),
        ("signatures", "DKIM and ARC beside dkimpy, Mail::DKIM, OpenDKIM and mailauth", False, lambda: differential("dkim_compare")),
        ("faults", "kills under load, full disks", True, lambda: python_tests("faults", options)),
        ("bench", "short benchmarks and their budgets", True, bench),
        ("asan", "ASan and UBSan build and its unit tests", True, asan),
        ("fuzz", "each fuzz target for some seconds", True, lambda: fuzz(options)),
        ("tidy", "clang-tidy over what goes into programs", True, lambda: simple("tidy", ["scripts/tidy"], seconds=1800)),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/test", description="Builds and runs all tests.")
    parser.add_argument("--quick", action="store_true", help="leave the slow stages out")
    parser.add_argument("--only", default="", help="run these stages alone, by name, with commas between")
    parser.add_argument("--list", action="store_true", help="show the stages and stop")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1, 2**31), help="repeats a run's randomness")
    parser.add_argument("--fuzz-seconds", type=int, default=6, help="at most for each fuzz target")
    parser.add_argument("--fuzz-seed", type=int, default=0, help="fuzz half of the time from this one, not from the fixed one alone")
    parser.add_argument("--fuzz-seconds-all", type=int, default=60, help="at most for all fuzz targets together")
    options = parser.parse_args()
    every = stages(options)
    if options.list:
        for name, what, slow, _ in every:
            print(f"{name:10} {what}{' (not with --quick)' if slow else ''}")
        return 0
    only = [name for name in options.only.split(",") if name]
    if unknown := set(only) - {name for name, *_ in every}:
        parser.error(f"no such stage: {', '.join(sorted(unknown))}")
    print(f"seed {options.seed} (scripts/test --seed {options.seed} repeats it), {JOBS} jobs, logs in {LOGS.relative_to(ROOT)}", flush=True)
    total = Counts()
    begin = time.monotonic()
    for name, what, slow, action in every:
        if (only and name not in only) or (options.quick and slow and not only):
            continue
        print(f"== {name}: {what}", flush=True)
        start = time.monotonic()
        counts = action()
        for words in counts.words:
            print(words, flush=True)
        print(f"   {name}: {counts.passed} passed, {counts.failed} failed, {counts.skipped} skipped in "
              f"{time.monotonic() - start:.0f} s", flush=True)
        total.add(counts)
    if total.failed:
        print("\nWhat failed:")
        for words in total.words:
            if words.startswith("FAILED"):
                print("  " + words.splitlines()[0])
    print(f"all stages: {time.monotonic() - begin:.0f} s (seed {options.seed})")
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped", flush=True)
    return 1 if total.failed or total.passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
