#!/usr/bin/env python3
"""The tiers of scripts/test (see there)."""
import concurrent.futures
import dataclasses
import glob
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from typing import Callable

import ahead
import harness
from harness import FAILED, PASSED, ROOT, SKIPPED, Counts, say

# Programs of the unit tier whose rooms have threads: VMMs, libhive and workloads. Monitors have none.
THREADED = ("unit_memory", "unit_kvm", "unit_device", "unit_cell", "unit_sdk", "unit_workloads")

# What simulations and models have found out is said, not only that they passed.
_RESULTS = {"^sim_(agree|recover)$": 3, "^sim_(agree|recover)_": 1, "^model_": 1}


def style():
    listing = subprocess.run(["git", "ls-files", "*.h", "*.cpp", "*.c"], cwd=ROOT, check=False,
                             stdout=subprocess.PIPE, text=True)
    files = listing.stdout.split()
    if listing.returncode != 0 or not files:
        say("  style: skipped: not a git work tree, so there is no list of source files")
        return SKIPPED
    formatted = harness.run("clang-format", ["clang-format", "--dry-run", "-Werror", *files])
    return PASSED if formatted else FAILED


def unit():
    return harness.ctest("unit", "release", "-L", "^(unit|sim)$", shown=_RESULTS)


def unit_beside_asan():
    """What asan leaves out."""
    return harness.ctest("unit", "release", "-L", "^(unit|sim)$", "-E", "^unit_", shown=_RESULTS)


def asan():
    return harness.ctest("asan", "asan", "-L", "^(unit|sim)$", "-E", "^(layering|lab|scripts)_")


def tsan():
    return harness.ctest("tsan", "tsan", "-R", f"^({'|'.join(THREADED)})$")


def kvm():
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR))
    except OSError as error:
        say(f"  kvm: skipped: /dev/kvm cannot be opened: {error.strerror} (the lab runs it)")
        return SKIPPED
    # Machines mostly wait, for time limits that they have to keep.
    return harness.ctest("kvm", "release", "-L", "^kvm$", jobs=2 * (os.cpu_count() or 1))


def _fuzz(program):
    name = os.path.basename(program)
    seconds = int(os.environ.get("HIVE_FUZZ_SECONDS", "5"))
    seeds = os.path.join(ROOT, "tests/fuzz/corpus", name.removeprefix("fuzz_"))
    with tempfile.TemporaryDirectory() as found:
        clean = harness.run(name, [
            program, f"-max_total_time={seconds}", "-print_final_stats=1", "-timeout=10",
            f"-artifact_prefix={harness.LOGS}/{name}-", found,
            *([seeds] if os.path.isdir(seeds) else []),
        ])
    log = harness.last_lines(os.path.join(harness.LOGS, f"{name}.log"), 20)
    executed = re.search(r"number_of_executed_units: (\d+)", log)
    say(f"  {name}: {executed.group(1) if executed else 'no count of'} executions")
    return PASSED if clean and executed else FAILED


def _each(test, things):
    """Counts of TEST on each of THINGS, as many at a time as there are CPUs."""
    counts = Counts()
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        for each in pool.map(test, things):
            counts += each
    return counts


def fuzz():
    programs = sorted(glob.glob(os.path.join(ROOT, "build/asan/bin/fuzz_*")))
    return _each(_fuzz, programs) if programs else FAILED


def _lab_options(path):
    """Where and how a lab test runs: the words of its line "# lab: inside|host [option=value...]"."""
    with open(path, encoding="utf-8") as source:
        match = re.search(r"^# lab: (\w+)(.*)$", source.read(), re.MULTILINE)
    if not match or match.group(1) not in ("inside", "host"):
        return None
    return match.group(1), dict(word.split("=", 1) for word in match.group(2).split())


def _lab_test(path):
    name = "lab-" + os.path.splitext(os.path.basename(path))[0]
    described = _lab_options(path)
    if described is None:
        say(f"  {name}: FAILED: {path} has no line \"# lab: inside|host [option=value...]\"")
        return FAILED
    where, options = described
    options.pop("tier", None)
    command = [path]
    if where == "inside":
        words = [word for key, value in options.items() for word in (f"--{key}", value)]
        command = [os.path.join(ROOT, "scripts/lab"), *words, path]
    return PASSED if harness.run(name, command) else FAILED


def _make_image(recipe):
    return harness.run(f"images-{recipe}", [os.path.join(ROOT, "images", recipe)])


def _is_long(path):
    """Whether it is of tier lab-long: longer than what it adds to the others is worth each time."""
    described = _lab_options(path)
    return described is not None and described[1].get("tier") == "long"


def _limit(path):
    """Seconds that a lab test may take."""
    described = _lab_options(path)
    return int(described[1].get("timeout", 0)) if described else 0


def lab(long=False):
    for recipe in ("kernel", "initramfs", "rootfs"):
        if not _make_image(recipe):
            return FAILED
    tests = sorted((path for path in glob.glob(os.path.join(ROOT, "tests/lab/*_test.*"))
                    if os.access(path, os.X_OK) and _is_long(path) == long),
                   key=lambda path: (-_limit(path), path))  # No long one is left alone at the end.
    if _make_image("workloads"):
        return _each(_lab_test, tests)
    # One test needs it, which counts as failed.
    return FAILED + _each(_lab_test, [path for path in tests if "/workloads_" not in path])


@dataclasses.dataclass
class Tier:
    """What a tier tests, and what has to be built for it: a preset, and its targets (none: all)."""

    test: Callable[[], Counts]
    preset: str | None = None
    targets: tuple[str, ...] = ()


TIERS = {
    "style": Tier(style),
    "unit": Tier(unit, "release", ("all", "pure_tests")),
    "kvm": Tier(kvm, "release"),
    "tsan": Tier(tsan, "tsan", THREADED),
    "asan": Tier(asan, "asan", ("pure_tests", "fuzzers")),
    "fuzz": Tier(fuzz, "asan", ("fuzzers",)),
    "lab": Tier(lab, "release"),
}
EXTRA_TIERS = {"lab-long": Tier(lambda: lab(long=True), "release")}


def _run(tier, later):
    """Counts of TIER. While it is tested, what LATER ones need is built where CPUs are idle."""
    if tier.preset and not harness.build(tier.preset, tier.targets):
        return FAILED
    commands = [command for each in later if each.preset not in (None, tier.preset)
                for command in harness.build_commands(each.preset, each.targets).values()]
    with ahead.running(commands):
        return tier.test()


def _end(signal_number, _frame):
    sys.exit(128 + signal_number)


def main():
    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, _end)  # What runs is ended, too.
    tiers = TIERS | EXTRA_TIERS
    chosen = sys.argv[1:] or list(TIERS)
    if "asan" in chosen:
        tiers["unit"] = Tier(unit_beside_asan, "release")
    for name in chosen:
        if name not in tiers:
            sys.exit(f"test: no tier \"{name}\"; tiers are {', '.join(tiers)}")
    started = time.monotonic()
    total, minutes = Counts(), {}
    for index, name in enumerate(chosen):
        say(f"== {name}")
        begun = time.monotonic()
        counts = _run(tiers[name], [tiers[each] for each in chosen[index + 1:]])
        minutes[name] = (time.monotonic() - begun) / 60
        say(f"== {name}: {counts.passed} ok, {counts.failed} bad, {counts.skipped} left out")
        total += counts
    say(f"took {(time.monotonic() - started) / 60:.1f} minutes, with what had to be built: "
        + ", ".join(f"{name} {each:.1f}" for name, each in minutes.items()))
    say(str(total))
    sys.exit(1 if total.failed else 0)


if __name__ == "__main__":
    main()
