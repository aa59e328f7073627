#!/usr/bin/env python3
"""Usage: spin.py [--full] [NAME...]

Checks agreement.pml and, by the names that begin with recovery, recovery.pml of this folder with Spin,
and that Spin finds what is wrong with each mutant of them.
Without NAME: all checks. --full adds those that take long. Prints the states explored; exits with 1
where something is not as it should be.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def model_of(name):
    return os.path.join(HERE, "recovery.pml" if name.startswith("recovery") else "agreement.pml")


# name: (constants, compiler flags, verifier options, what must be found, in the long run only)
CHECKS = {
    "three": ("N=3 B=6 CRASHES=1 LIAR=1 HASTY=1", "", "", None, False),
    "three-cut": ("N=3 B=6 CRASHES=1 CUTS=1 LIAR=0 HASTY=1", "", "", None, False),
    "three-doubt": ("N=3 B=6 CRASHES=0 LIAR=1 HASTY=1 DOUBT", "", "", None, False),
    "three-late": ("N=3 B=2 CRASHES=1 LIAR=1 HASTY=2 LATE", "-DBITSTATE", "-w28", None, False),
    "four-halves": ("N=4 B=7 CRASHES=2 LIAR=1 HASTY=1", "-DBITSTATE", "-w28", None, False),
    "five": ("N=5 B=8 CRASHES=2 LIAR=1 HASTY=1", "-DBITSTATE", "-w28", None, False),
    "mutant-quorum": ("N=3 B=3 CRASHES=0 HASTY=1 MUT_QUORUM", "", "", "assertion violated", False),
    "mutant-accuser": ("N=3 B=3 HASTY=1 MUT_ACCUSER", "", "", "assertion violated", False),
    "mutant-forget": ("N=3 B=5 CRASHES=0 HASTY=1 DOUBT MUT_FORGET", "", "", "assertion violated", False),
    "mutant-promise": ("N=3 B=5 CRASHES=0 HASTY=2 DOUBT MUT_PROMISE", "", "", "assertion violated", False),
    "mutant-patience": ("N=3 B=4 HASTY=0 LIAR=1 MUT_PATIENCE", "", "", "invalid end state", False),
    "recovery-three": ("N=3 CRASHES=2", "", "", None, False),
    "recovery-four": ("N=4 CRASHES=3", "", "", None, False),
    "recovery-mutant-fence": ("N=3 CRASHES=1 MUT_FENCE", "", "", "assertion violated", False),
    "recovery-mutant-clean": ("N=3 CRASHES=1 MUT_CLEAN", "", "", "assertion violated", False),
    "recovery-mutant-toll": ("N=3 CRASHES=2 MUT_TOLL", "", "", "assertion violated", False),
    "recovery-mutant-doomed": ("N=3 CRASHES=2 MUT_DOOMED", "", "", "assertion violated", False),
    "recovery-mutant-epoch": ("N=4 CRASHES=2 MUT_EPOCH", "", "", "assertion violated", False),
}
# Seconds that a reduced search (bitstate) may take; it tells how far it came.
LIMIT = int(os.environ.get("HIVE_SPIN_SECONDS", "20"))


def build(folder, name, constants, flags):
    defines = [f"-D{word}" for word in constants.split()]
    subprocess.run(["spin", *defines, "-a", model_of(name)], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["gcc", "-w", "-O2", "-DSAFETY", "-DMEMLIM=3000", *flags.split(), "-o", "pan", "pan.c"],
                   cwd=folder, check=True)


def check(name):
    constants, flags, options, expected, _ = CHECKS[name]
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        build(folder, name, constants, flags)
        search = ["./pan", "-m10000", *options.split()]
        if "BITSTATE" in flags:
            search = ["timeout", "-s", "INT", str(LIMIT), *search]
        run = subprocess.run(search, cwd=folder, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True)
        output = run.stdout
        errors = re.findall(r"^pan:\d+: ([a-z ]+)", output, re.MULTILINE)
        states = re.search(r"([0-9.e+]+) states, stored", output)
        figures = f"{float(states.group(1)):,.0f} states" if states else "no figures"
        cut_short = "Interrupted" in output or "max search depth too small" in output or run.returncode == 124
        good = (any(expected in error for error in errors) if expected else not errors and states is not None)
        if not expected and "BITSTATE" not in flags:
            good = good and not cut_short and "Search not completed" not in output
        how = "" if not cut_short else f", stopped after {LIMIT} s"
        took = time.monotonic() - started
        verdict = "as it should be" if good else "WRONG"
        print(f"{name} ({constants}): {figures}, {'; '.join(errors) or 'no error'}{how}, "
              f"{took:.1f} s: {verdict}", flush=True)
        if not good:
            print(output)
            trail = os.path.join(folder, os.path.basename(model_of(name)) + ".trail")
            if os.path.exists(trail):
                defines = [f"-D{word}" for word in constants.split()]
                subprocess.run(["spin", *defines, "-t", "-k", trail, "-g", model_of(name)], cwd=folder, check=False)
        return good


def main():
    words = sys.argv[1:]
    if "-h" in words or "--help" in words:
        print(__doc__)
        return
    full = "--full" in words
    names = [word for word in words if word != "--full"]
    if shutil.which("spin") is None:
        sys.exit("spin is not installed; run scripts/deps")
    unknown = [name for name in names if name not in CHECKS]
    if unknown:
        sys.exit(f"no check {', '.join(unknown)}; there are {', '.join(CHECKS)}")
    chosen = names or [name for name, what in CHECKS.items() if full or not what[4]]
    if not all([check(name) for name in chosen]):
        sys.exit(1)


if __name__ == "__main__":
    main()
