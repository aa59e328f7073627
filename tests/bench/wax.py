#!/usr/bin/env python3
"""Bench "wax": what Wax costs the cells that it advises, and what it costs them that it is not itself.

As many cells of micro guests as the host has CPUs, on this machine's own KVM, work without an end and
count what they have done. In turns Wax is held, advises, writes garbage without rest, and floods its
monitor with one hint. docs/benchmarks.md tells what exactly is measured.
"""
import json
import os
import sys
import tempfile
import time

sys.dont_write_bytecode = True
from lib import figures  # noqa: E402
from lib.work_machine import WorkMachine  # noqa: E402

NAME = "bench-wax"
HELD, ADVISES, GARBAGE, FLOOD = "held", "advises", "garbage", "flood"
MODES = [HELD, ADVISES, GARBAGE, FLOOD]


def hints(machine):
    """What has become of hints so far: {outcome: count} of Wax's monitor, and refusals by others."""
    counts = {"refused": 0}
    for cell in json.loads(machine.hive("metrics", NAME, "--json"))["machines"][0]["cells"]:
        for sample in cell["metrics"]:
            if sample["name"] == "hive_wax_hints_total":
                counts[sample["labels"]["outcome"]] = sample["value"]
            if sample["name"] == "hive_hints_refused_total":
                counts["refused"] += sample["value"]
    return counts


def turn_to(machine, mode, seconds):
    if mode == HELD:
        machine.hive("pause", f"{NAME}/wax")
    elif mode in (GARBAGE, FLOOD):
        machine.hive("inject", f"{NAME}/wax", f"wax-{mode}", f"for={seconds + 1}s")
    time.sleep(0.5)  # The next incarnation runs then.


def turn_back(machine, mode):
    if mode == HELD:
        machine.hive("resume", f"{NAME}/wax")
    elif mode in (GARBAGE, FLOOD):
        time.sleep(1)


def rate(machine, mode, seconds):
    """Pieces of work a second."""
    turn_to(machine, mode, seconds)
    before, start = machine.done(), time.monotonic()
    time.sleep(seconds)
    result = (machine.done() - before) / (time.monotonic() - start)
    turn_back(machine, mode)
    return result


def measure(options):
    samples = {f"work with Wax {mode}, pieces/s": [] for mode in MODES}
    with tempfile.TemporaryDirectory() as folder, \
            WorkMachine(NAME, folder, options.cells, {"faults": "enabled"},
                        [{"name": "wax", "role": "policy", "policy": "balance"}]) as machine:
        rate(machine, ADVISES, 2)  # What has just been started is to be over.
        for run in range(options.runs):
            print(f"bench wax: round {run + 1} of {options.runs}", file=sys.stderr, flush=True)
            order = MODES[run % len(MODES):] + MODES[:run % len(MODES)]
            rates = {mode: rate(machine, mode, options.seconds) for mode in order}
            for mode in MODES:
                samples[f"work with Wax {mode}, pieces/s"].append(rates[mode])
        counts = hints(machine)
    print("bench wax: hints:", ", ".join(f"{name} {count:.0f}" for name, count in counts.items()),
          file=sys.stderr)
    if counts.get("stale", 0) == 0 or counts.get("too-many", 0) == 0:
        sys.exit("bench wax: the rogue did not write what it was to write")
    result = figures.report("wax", samples, [])
    result["ratios"] = [figures.ratio_in_rounds(f"work with Wax {mode}/held",
                                                samples[f"work with Wax {mode}, pieces/s"],
                                                samples[f"work with Wax {HELD}, pieces/s"])
                        for mode in MODES[1:]]
    return result


def main():
    parser = figures.options_of(__doc__, runs=8)
    parser.add_argument("--cells", type=int, default=os.cpu_count(),
                        help="cells that work (default: one for each CPU)")
    parser.add_argument("--seconds", type=int, default=8,
                        help="how long each quarter of a round lasts (default: 8)")
    options = parser.parse_args()
    if options.cells < 1 or options.seconds < 1 or options.runs < 1:
        parser.error("--cells, --seconds and --runs are at least 1")
    figures.write(measure(options), options.json)


if __name__ == "__main__":
    main()
