"""What the tiers of scripts/test share: running commands with progress, and counting tests."""
import dataclasses
import json
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LOGS = os.path.join(ROOT, "build/logs")
_HEARTBEAT = 20  # seconds between signs of life of a long command
_TAIL = 40  # lines shown of a log that ended badly
_FAILURES = 5  # shown of a case


@dataclasses.dataclass
class Counts:
    """Individual tests by their end."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other):
        return Counts(self.passed + other.passed, self.failed + other.failed,
                      self.skipped + other.skipped)

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


PASSED, FAILED, SKIPPED = Counts(passed=1), Counts(failed=1), Counts(skipped=1)


def say(text):
    print(text, flush=True)


def last_lines(path, count):
    with open(path, encoding="utf-8", errors="replace") as log:
        return "".join(log.readlines()[-count:])


def run(name, argv, **options):
    """Runs ARGV with its output in build/logs/NAME.log; whether it succeeded.

    Shows the log's last line now and then, and the log's end when the command fails.
    """
    os.makedirs(LOGS, exist_ok=True)
    path = os.path.join(LOGS, f"{name}.log")
    started = time.monotonic()
    with open(path, "wb") as log:
        process = subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=subprocess.STDOUT, **options)
        try:
            while True:
                try:
                    process.wait(timeout=_HEARTBEAT)
                    break
                except subprocess.TimeoutExpired:
                    line = last_lines(path, 1).strip()[-90:]
                    say(f"  {name}: {time.monotonic() - started:.0f} s: {line}")
        except BaseException:
            process.terminate()
            process.wait()
            raise
    seconds = time.monotonic() - started
    if process.returncode != 0:
        say(f"  {name}: FAILED after {seconds:.0f} s, exit status {process.returncode}; "
            f"the end of {os.path.relpath(path, ROOT)}:")
        sys.stdout.write(last_lines(path, _TAIL))
        sys.stdout.flush()
        return False
    say(f"  {name}: done in {seconds:.0f} s")
    return True


def build_commands(preset, targets=()):
    """What configures and builds, each by the name of its log."""
    jobs = str(os.cpu_count() or 1)
    return {
        f"configure-{preset}": ["cmake", "--preset", preset],
        f"build-{preset}": ["cmake", "--build", "--preset", preset, "-j", jobs]
                           + (["--target", *targets] if targets else []),
    }


def build(preset, targets=()):
    """Configures and builds; whether that succeeded."""
    return all(run(name, argv) for name, argv in build_commands(preset, targets).items())


def _gtest_counts(path):
    """Counts of a GoogleTest program's cases; shows what is known of those that failed."""
    with open(path, encoding="utf-8") as source:
        result = json.load(source)
    counts = Counts()
    for suite in result["testsuites"]:
        for case in suite["testsuite"]:
            if case["result"] == "SKIPPED":
                counts += SKIPPED
            elif case.get("status") == "NOTRUN":
                continue
            elif case.get("failures"):
                say(f"  {suite['name']}.{case['name']} FAILED:")
                say("\n".join(failure["failure"] for failure in case["failures"][:_FAILURES]))
                counts += FAILED
            else:
                counts += PASSED
    return counts


def _end_of(test):
    """What a test of a JUnit file that failed has printed last."""
    output = (test.findtext("system-out") or "").splitlines()
    return "\n".join([f"  {test.get('name')} FAILED; the end of its output:", *output[-_TAIL:]])


def _test_counts(test, gtest_folder):
    """Counts of a test of a JUnit file: a GoogleTest program's cases, 1 for any other."""
    status = test.get("status")
    cases = os.path.join(gtest_folder, test.get("name") + ".json")
    is_program = os.path.exists(cases)
    counts = _gtest_counts(cases) if is_program else Counts()
    if status == "fail" and counts.failed == 0:
        # A program may also fail outside its cases, by a leak for instance.
        say(_end_of(test))
        return counts + FAILED
    return counts if is_program else PASSED if status == "run" else SKIPPED


def _say_results(junit, shown):
    """Says what the tests that SHOWN names have printed last: {regular expression: lines}."""
    for test in xml.etree.ElementTree.parse(junit).getroot().iter("testcase"):
        for pattern, count in shown.items():
            if not re.search(pattern, test.get("name")):
                continue
            lines = (test.findtext("system-out") or "").strip().splitlines()[-count:]
            say(f"  {test.get('name')}: " + "; ".join(lines))


def _junit_counts(path, gtest_folder):
    """Counts of a ctest run."""
    tests = xml.etree.ElementTree.parse(path).getroot().iter("testcase")
    return sum((_test_counts(test, gtest_folder) for test in tests), Counts())


def ctest(name, preset, *selection, shown=None, jobs=os.cpu_count() or 1):
    """Runs tests of a built preset; the Counts of individual cases. None at all is a failure.

    SHOWN names tests whose results are said, with the number of their last lines that tell them. JOBS run at a time.
    """
    folder = os.path.join(ROOT, "build/test-results", name)
    os.makedirs(folder, exist_ok=True)
    for entry in os.listdir(folder):
        os.unlink(os.path.join(folder, entry))
    junit = os.path.join(folder, "ctest.xml")
    environment = dict(os.environ, GTEST_OUTPUT=f"json:{folder}/")
    succeeded = run(
        f"ctest-{name}",
        ["ctest", "--preset", preset, "--output-junit", junit, "--timeout", "600",
         "-j", str(jobs), *selection], env=environment,
    )
    if not os.path.exists(junit):
        return FAILED
    _say_results(junit, shown or {})
    counts = _junit_counts(junit, folder)
    if counts == Counts() or (not succeeded and counts.failed == 0):
        counts += FAILED
    return counts
