"""Where a server's CPU time goes, by stage: perf samples with their call chains, sorted into what the code was at."""
import collections
import re
import shutil
import subprocess
import tempfile

# Within a chain, read from the leaf up, the first rule that fits decides. Kernel work goes to the system call it was done for.
KERNEL = (
    (r"fdatasync|fsync|sync_file_range", "kernel_flush"),
    (r"pwrite|pwritev|vfs_write|fallocate|ftruncate", "kernel_file_write"),
    (r"pread|preadv|vfs_read", "kernel_file_read"),
    (r"sendmsg|sendto|sock_write", "kernel_socket_send"),
    (r"recvmsg|recvfrom|sock_read", "kernel_socket_receive"),
    (r"epoll", "kernel_epoll"),
    (r"futex", "kernel_futex"),
    (r"page_fault|exc_page", "kernel_page_faults"),
    (r"madvise|mmap|munmap|brk", "kernel_memory"),
    (r"schedule|switch", "kernel_schedule"),
)
LIBRARIES = (
    ("libsqlite3", "sqlite"), ("libssl", "tls"), ("libcrypto", "crypto"), ("libsodium", "crypto"), ("libxxhash", "checksum"),
    ("libzstd", "compression"), ("libpq", "postgresql"), ("libunbound", "resolver"), ("libpsl", "public_suffix"), ("libicu", "unicode"), ("libprometheus", "metrics"), ("libspdlog", "log"),
    ("libfmt", "format"),
)
FOLDERS = ("smtp", "pop3", "store", "db", "account", "address", "codec", "message", "delivery", "queue", "net", "admin", "app", "mailauth", "dns", "imap",
           "reports")


def stage_of(chain: list[tuple[str, str]]) -> str:
    """A chain is (symbol, library) from the leaf up."""
    symbol, library = chain[0]
    if "kernel" in library or library == "[unknown]" and symbol.startswith(("__x64", "entry_")):
        for name, _ in chain:
            for pattern, stage in KERNEL:
                if re.search(pattern, name):
                    return stage
        return "kernel_other"
    for part, stage in LIBRARIES:
        if part in library:
            return stage
    leaf_is_memory = re.search(r"\b(malloc|free|_int_malloc|_int_free|operator new|operator delete|realloc|calloc|malloc_consolidate)", symbol)
    if leaf_is_memory:
        return "memory_allocation"
    if re.search(r"memcpy|memmove|memset|memchr|memcmp", symbol):
        prefix = "copy_and_search_"
    else:
        prefix = ""
    for name, _ in chain:
        found = re.search(r"pabal::(server::)?(\w+)::", name)
        if found and found.group(2) in FOLDERS:
            return prefix + ("server_" if found.group(1) else "") + found.group(2)
        if "XXH" in name:
            return "checksum"
        if "pabal::" in name:
            return prefix + "base"
    if any("boost::asio" in name for name, _ in chain):
        return prefix + "asio"
    return prefix + ("libc" if "libc" in library else "other")


def record(pid: int, seconds: float) -> dict[str, float]:
    """Percent of the process's CPU time by stage, greatest first; empty where perf is not to be had."""
    if not shutil.which("perf"):
        return {}
    with tempfile.NamedTemporaryFile(prefix="perf-") as data:
        done = subprocess.run(["perf", "record", "-F", "997", "-e", "cpu-clock", "-g", "-p", str(pid), "-o", data.name, "--",
                               "sleep", str(seconds)], capture_output=True, check=False)
        if done.returncode != 0:
            return {}
        script = subprocess.run(["perf", "script", "-i", data.name, "-F", "ip,sym,dso"], capture_output=True, text=True,
                                errors="replace", check=False).stdout
    counts: collections.Counter[str] = collections.Counter()
    for sample in script.split("\n\n"):
        chain = []
        for line in sample.strip().splitlines():
            found = re.match(r"\s*[0-9a-f]+ (.*) \((.*)\)$", line)
            if found:
                chain.append((found.group(1), found.group(2)))
        if chain:
            counts[stage_of(chain)] += 1
    total = sum(counts.values())
    return {stage: 100 * count / total for stage, count in counts.most_common()} if total else {}
