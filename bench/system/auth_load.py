"""Who really sent it: what checking and signing one letter costs, and how fast letters come in with all checks on, beside Postfix with OpenDKIM
and OpenDMARC over Unix sockets, which ask the same resolver."""
import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

from tools import BENCH, DOMAIN, ROOT, USERS, Length, figures, load, processes_cpu, rss_kib, say, say_stages, server_with_users
from harness.checking_postfix import CheckingPostfix, why_no_checking_postfix
from harness.name_servers import Resolver, outer_address, why_no_resolver
from harness.promises import FastPop3
from harness.server import target, wait_until

UNITS = ROOT / "build" / "release" / "src" / "mailauth" / "mailauth_bench"
NETWORK = "198.51.100"


def one_letter(length: Length) -> None:
    """The check of one letter and its signing, in one process; signing also beside what `openssl speed` says right before and after."""
    names = ["check_letter", "sign_both", "signatures_alone"]
    before = openssl_speed(length)
    done = subprocess.run([str(UNITS), f"--benchmark_filter=^({'|'.join(names)})$", f"--benchmark_min_time={length.pick(0.1, 0.3, 1.0)}",
                           f"--benchmark_repetitions={length.pick(5, 7, 9)}", "--benchmark_enable_random_interleaving=true", "--benchmark_format=json"],
                          capture_output=True, text=True, check=False, timeout=300)
    runs = json.loads(done.stdout)["benchmarks"] if done.returncode == 0 else []
    if done.returncode != 0 or any(run.get("error_occurred") for run in runs):
        raise RuntimeError(f"{UNITS.name}: {done.stdout}{done.stderr}")
    after = openssl_speed(length)
    # The least of several: what else the machine was at only ever adds.
    cost = {name: min(run["cpu_time"] for run in runs if run["run_type"] == "iteration" and run["run_name"] == name) for name in names}
    speed = min(filter(None, (before, after)), default=None)
    say("auth_check_letter_cpu_us", cost["check_letter"])
    say("auth_sign_both_cpu_us", cost["sign_both"])
    say("auth_signatures_alone_cpu_us", cost["signatures_alone"])
    say("auth_sign_both_of_signatures_alone", cost["sign_both"] / cost["signatures_alone"], 3)
    if speed:
        say("auth_openssl_speed_us", speed)
        say("auth_sign_both_of_openssl_speed", cost["sign_both"] / speed, 3)


def openssl_speed(length: Length) -> float | None:
    """CPU microseconds of an RSA-2048 and an Ed25519 signature together."""
    if not shutil.which("openssl"):
        return None
    said = subprocess.run(["openssl", "speed", "-mr", "-seconds", str(length.pick(1, 1, 3)), "rsa2048", "ed25519"], capture_output=True, text=True,
                          check=False, timeout=120).stdout
    rsa = re.search(r"^\+F2:\d+:2048:([\d.e-]+):", said, re.MULTILINE)
    ed25519 = re.search(r"^\+F6:\d+:\d+:Ed25519:([\d.e-]+):", said, re.MULTILINE)
    return 1e6 / float(rsa.group(1)) + 1e6 / float(ed25519.group(1)) if rsa and ed25519 else None


def fields_of(letter: bytes) -> bytes:
    """The header section on one line a field."""
    return re.sub(rb"\r?\n[ \t]+", b" ", re.split(rb"\r?\n\r?\n", letter, maxsplit=1)[0])


def passes(letter: bytes, authserv_id: str) -> bool:
    """Whether this server's fields say that DKIM, SPF and DMARC pass: one of ours, one of each result by the milters."""
    found = b" ".join(re.findall(rb"(?mi)^Authentication-Results: *" + re.escape(authserv_id.encode()) + rb";.*$", fields_of(letter)))
    return all(words in found for words in (b"dkim=pass", b"dmarc=pass", b"spf=pass"))


def ours(length: Length, prepared: list[str], resolver: Resolver) -> tuple[float, float]:
    """Letters a second, and CPU seconds for each, the resolver's too."""
    seconds = length.pick(2.5, 5.0, 15.0)
    # Few hosts send what many would; loopback is exempt from rates, they must be named.
    settings = f'{resolver.settings}[smtp]\nrate_exempt = ["{NETWORK}.0/24"]\n'
    with server_with_users(settings=settings, proxy=True) as server:
        server.start()
        warm = int(load(target(server, "smtp_proxy"), 64, 0, messages=2_000, words=prepared)["messages"])
        cpu = server.cpu_seconds() + resolver.cpu_seconds()
        result = load(target(server, "smtp_proxy"), 64, seconds, first=warm + 1, words=prepared)
        cpu = (server.cpu_seconds() + resolver.cpu_seconds() - cpu) / result["messages"]
        say("auth_ingest_64_rate", result["rate"], 0)
        say("auth_ingest_64_cpu_us", cpu * 1e6)
        say("auth_ingest_64_latency_p50_us", result["latency_p50_us"], 0)
        say("auth_ingest_64_latency_p99_us", result["latency_p99_us"], 0)
        sent = int(warm + result["messages"])
        if not length.brief:
            more = []
            say_stages("auth_ingest_64", server, seconds, lambda: more.append(load(target(server, "smtp_proxy"), 64, seconds, first=sent + 1, words=prepared)))
            sent += int(more[0]["messages"])
        say("auth_server_rss_mib", rss_kib(server.pid) / 1024)
        counted = server.metrics().get('pabal_dmarc_results_total{result="pass"}', 0)
        if counted != sent:
            raise AssertionError(f"{counted:.0f} of {sent} letters passed DMARC")
        for user in range(length.pick(2, 5, 20)):
            box = FastPop3(server, user)
            letters = list(box.messages(box.count()))
            box.quit()
            # Letters are numbered from 1, each goes to the user of its number.
            expected = sent // USERS + (1 <= user <= sent % USERS)
            if len(letters) != expected or not all(passes(letter, server.hostname) for letter in letters):
                raise AssertionError(f"user{user} has {len(letters)} of {expected} letters, {sum(passes(letter, server.hostname) for letter in letters)} of them "
                                     f"proven\n{letters[0][:1500].decode(errors='replace') if letters else ''}")
        plain(length, server, prepared)
    return result["rate"], cpu


def plain(length: Length, server, prepared: list[str]) -> None:
    """The same letters, unchecked: what the checks add."""
    if length.brief:
        return
    cpu = server.cpu_seconds()
    result = load(target(server, "smtp"), 64, length.pick(2.5, 5.0, 15.0), words=[word for word in prepared if word not in ("--proxy", NETWORK)])
    say("auth_unchecked_64_rate", result["rate"], 0)
    say("auth_unchecked_64_cpu_us", (server.cpu_seconds() - cpu) * 1e6 / result["messages"])


def theirs(length: Length, prepared: list[str], resolver: Resolver) -> tuple[float, float]:
    count = length.pick(300, 1_500, 10_000)
    with CheckingPostfix(DOMAIN, resolver.address) as peer:
        load(peer.target, 64, 0, messages=200, words=prepared)
        wait_until(lambda: len(peer.delivered()) >= 200, 120, f"Postfix has delivered some\n{peer.log_text()[-2000:]}", 0.05)
        cpu, begin = processes_cpu(peer.processes()) + resolver.cpu_seconds(), time.monotonic()
        load(peer.target, 64, 0, messages=count, first=201, words=prepared)
        wait_until(lambda: len(peer.delivered()) >= count + 200, 300, "Postfix has delivered all", 0.05)
        rate = count / (time.monotonic() - begin)
        cpu = (processes_cpu(peer.processes()) + resolver.cpu_seconds() - cpu) / count
        letters = [file.read_bytes() for file in peer.delivered()]
        if not all(passes(letter, "postfix.example") for letter in letters):
            bad = next(letter for letter in letters if not passes(letter, "postfix.example"))
            raise AssertionError(f"Postfix proved {sum(passes(letter, 'postfix.example') for letter in letters)} of {len(letters)}\n"
                                 f"{bad[:1500].decode(errors='replace')}\n{peer.log_text()[-2000:]}")
    say("peer_postfix_checked_64_rate", rate, 0)
    say("peer_postfix_checked_64_cpu_us", cpu * 1e6)
    return rate, cpu


def run(length: Length) -> None:
    one_letter(length)
    if reason := why_no_resolver():
        print(f"# no resolver: {reason}")
        return
    with tempfile.TemporaryDirectory() as folder:
        letters, records = pathlib.Path(folder) / "letters", pathlib.Path(folder) / "records"
        figures(BENCH / "auth_letters", "--letters-file", letters, "--records-file", records, "--domains", length.pick(20, 100, 200), "--letters",
                length.pick(1_000, 2_000, 10_000), "--network", NETWORK)
        prepared = ["--letters", str(letters), "--proxy", NETWORK]
        reverse = ".".join(reversed(NETWORK.split("."))) + ".in-addr.arpa."
        with Resolver(["example.", reverse], records.read_text().splitlines(), outer_address(), 53) as resolver:
            rate, cpu = ours(length, prepared, resolver)
            if reason := why_no_checking_postfix() or ("" if outer_address() else "no address but loopback ones"):
                print(f"# no peer: {reason}")
                return
            peer_rate, peer_cpu = theirs(length, prepared, resolver)
    say("auth_ingest_64_of_postfix", rate / peer_rate, 2)
    say("auth_ingest_64_cpu_of_postfix", peer_cpu / cpu, 2)
