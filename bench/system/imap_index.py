"""What IMAP's search index takes of CPU: letters of 10 KiB, half of them Korean, in the benchmark program of src/server/imap."""
import json
import os
import subprocess

from tools import ROOT, Length, say

UNITS = ROOT / "build" / "release" / "src" / "server" / "imap" / "server_imap_bench"
WANTED = 15.0  # seconds of CPU for 10,000 letters


def run(length: Length) -> None:
    count = length.pick(1_000, 10_000, 10_000)
    done = subprocess.run([str(UNITS), "--benchmark_filter=^index_letters", "--benchmark_format=json"], capture_output=True, text=True, check=False,
                          timeout=600, env={**os.environ, "PABAL_BENCH_LETTERS": str(count)})
    runs = json.loads(done.stdout)["benchmarks"] if done.returncode == 0 else []
    if len(runs) != 1 or runs[0].get("error_occurred") or runs[0]["letters"] != count:
        raise RuntimeError(f"{UNITS.name}: {done.stdout}{done.stderr}")
    seconds = runs[0]["cpu_s"]
    say(f"imap_index_{count}_cpu_s", seconds, 2)
    say("imap_index_octets_a_letter", runs[0]["index_bytes"] / count, 0)
    if not length.brief:
        print(f"# imap_index_{count}_cpu_s {seconds:.4g}, at most {WANTED} wanted: {'yes' if seconds <= WANTED else 'NO'}", flush=True)
