"""Stages that build a flavour and run its unit tests."""
import concurrent.futures
import pathlib
import re
import shutil
import xml.etree.ElementTree

from stage import JOBS, LOGS, ROOT, Counts, failed, gtest_counts, log_grep, passed, run


def build(flavour: str, targets: list[str] | None = None, *, seconds: float = 2400) -> Counts:
    if run(f"configure-{flavour}", ["cmake", "--preset", flavour], seconds=300) != 0:
        return failed(f"configure {flavour}\n" + log_grep(f"configure-{flavour}", "Error"))
    command = ["cmake", "--build", f"build/{flavour}", "-j", str(JOBS)]
    if targets:
        command += ["--target", *targets]
    if run(f"build-{flavour}", command, seconds=seconds) != 0:
        return failed(f"build {flavour}\n" + log_grep(f"build-{flavour}", "error:", "FAILED:", "undefined symbol"))
    return passed()


def unit_tests(flavour: str, *, seconds: float, environment: dict[str, str] | None = None) -> Counts:
    """Runs ctest, and counts each GoogleTest case; another program counts as one test."""
    results = ROOT / "build" / flavour / "gtest"
    shutil.rmtree(results, ignore_errors=True)
    junit = LOGS / f"ctest-{flavour}.xml"
    junit.unlink(missing_ok=True)
    name = f"ctest-{flavour}"
    status = run(name, ["ctest", "--test-dir", f"build/{flavour}", "-j", str(JOBS + 1), "--output-on-failure", "--timeout", "600",
                        "--output-junit", str(junit)], seconds=seconds,
                 environment=environment)
    if status is None or not junit.exists():
        return failed(f"{name} took too long or did not run\n" + log_grep(name, "Timeout", "Failed"))
    counts = Counts()
    for case in xml.etree.ElementTree.parse(junit).getroot().iter("testcase"):
        test = case.get("name", "")
        file = results / f"{test}.json"
        before = counts.failed
        if file.exists():
            counts.add(gtest_counts(file))
        elif case.get("status") == "run":
            counts.passed += 1
        if case.get("status") != "run" and counts.failed == before:
            output = "".join(case.itertext())
            lines = [line for line in output.splitlines() if re.search(r"ERROR|FAILED|Failure|runtime error|error:", line)]
            counts.add(failed(f"{flavour} {test}: {case.get('status')}\n    " +
                              "\n    ".join((lines or output.splitlines())[-30:])))
    if status != 0 and counts.failed == 0:
        counts.add(failed(f"{name}: exit status {status}\n" + log_grep(name, "Failed", "***")))
    if counts.passed == 0:
        counts.add(failed(f"{name} ran no test"))
    return counts


FUZZ_SEED = 1


def fuzz(numbers: list[int], seconds_each: int, seconds_all: int) -> Counts:
    """Each fuzz target for some seconds from its seeds, in equal parts with each of these numbers to begin with."""
    sources = sorted((ROOT / "src").rglob("*_fuzz.cpp"))
    if not sources:
        return Counts()
    # They keep one core busy each: as many at once as there are.
    each = max(2, min(seconds_each, seconds_all * JOBS // len(sources)))
    runs = [(file, number, max(1, each // len(numbers))) for file in sources for number in numbers]
    counts = Counts()
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for one in pool.map(lambda parts: fuzz_one(*parts), runs):
            counts.add(one)
    return counts


def fuzz_one(file: pathlib.Path, number: int, seconds: int) -> Counts:
    folder = file.parent.relative_to(ROOT / "src")
    target = ROOT / "build" / "asan" / "src" / folder / f"{'_'.join(folder.parts)}_{file.stem}"
    corpus = file.with_suffix(".corpus")
    dictionary = file.with_suffix(".dict")
    work = LOGS / f"fuzz-{target.name}-{number}"
    shutil.rmtree(work, ignore_errors=True)
    (work / "new").mkdir(parents=True)
    command = [str(target), f"-seed={number}", f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048",
               "-print_final_stats=1", f"-artifact_prefix={work}/", str(work / "new")]
    if dictionary.exists():
        command.append(f"-dict={dictionary}")
    if corpus.is_dir():
        command.append(str(corpus))
    name = f"fuzz-{target.name}-{number}-run"
    if run(name, command, seconds=seconds + 120) == 0:
        return passed()
    return failed(f"{target.name} -seed={number} (input in {work})\n" +
                  log_grep(name, "ERROR", "SUMMARY", "Test unit written", "    #"))
