#!/usr/bin/env python3
"""Bench "sharing": what cells get done together with Wax and without, where one of them needs more
memory than it has, and where none does.

Three stock cells and Wax in one lab, in which a single emulated CPU does everything: ratios mean
something, and times do not. docs/benchmarks.md tells what exactly is measured.
"""
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
from lib import figures  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
START_LIMIT = 180  # seconds for the machine and its files
LOADS = ["skewed", "balanced"]


def measure(options):
    """{figure: [a sample of each round]}. Each round has a lab of its own."""
    command = [f"{ROOT}/scripts/lab", "--timeout", str(2 * START_LIMIT + 10 * options.seconds),
               f"{ROOT}/tests/bench/sharing/lab.py", str(options.seconds)]
    samples = {}
    for run in range(options.runs):
        print(f"bench sharing: round {run + 1} of {options.runs}", file=sys.stderr, flush=True)
        result = subprocess.run(command + [str(run)], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                check=False, text=True)
        if result.returncode != 0:
            sys.exit(f"bench sharing: the lab ended with exit status {result.returncode}")
        for name, value in json.loads(result.stdout).items():
            samples.setdefault(name, []).append(value)
    return samples


def main():
    parser = figures.options_of(__doc__, runs=3)
    parser.add_argument("--seconds", type=int, default=60,
                        help="how long is counted, of each load with and without Wax (default: 60)")
    options = parser.parse_args()
    if options.runs < 1 or options.seconds < 10:
        parser.error("--runs is at least 1, --seconds at least 10")
    samples = measure(options)
    result = figures.report("sharing", samples, [])
    result["ratios"] = [figures.ratio_in_rounds(f"{load} with Wax/without",
                                                samples[f"{load} with Wax, files/s"],
                                                samples[f"{load} without Wax, files/s"])
                        for load in LOADS]
    figures.write(result, options.json)


if __name__ == "__main__":
    main()
