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
WORK, CPU_TIME = "work", "CPU time"
UNITS = {WORK: "pieces/s", CPU_TIME: "s/s"}


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


def measure_turn(machine, mode, seconds):
    """What the cells get in that time: {figure: a second of it}."""
    turn_to(machine, mode, seconds)
    done, ran, start = machine.done(), machine.cpu_time(), time.monotonic()
    time.sleep(seconds)
    passed = time.monotonic() - start
    result = {WORK: (machine.done() - done) / passed, CPU_TIME: (machine.cpu_time() - ran) / passed}
    turn_back(machine, mode)
    return result


def name(figure, mode):
    return f"{figure} with Wax {mode}, {UNITS[figure]}"


def measure(options):
    samples = {name(figure, mode): [] for figure in UNITS for mode in MODES}
    with tempfile.TemporaryDirectory() as folder, \
            WorkMachine(NAME, folder, options.cells, {"faults": "enabled"},
                        [{"name": "wax", "role": "policy", "policy": "balance"}]) as machine:
        measure_turn(machine, ADVISES, 2)  # What has just been started is to be over.
        for run in range(options.runs):
            print(f"bench wax: round {run + 1} of {options.runs}", file=sys.stderr, flush=True)
            order = MODES[run % len(MODES):] + MODES[:run % len(MODES)]
            for mode in order:
                for figure, value in measure_turn(machine, mode, options.seconds).items():
                    samples[name(figure, mode)].append(value)
        counts = hints(machine)
    print("bench wax: hints:", ", ".join(f"{outcome} {count:.0f}" for outcome, count in counts.items()),
          file=sys.stderr)
    if counts.get("stale", 0) == 0 or counts.get("too-many", 0) == 0:
        sys.exit("bench wax: the rogue did not write what it was to write")
    result = figures.report("wax", samples, [])
    result["ratios"] = [figures.ratio_in_rounds(f"{figure} with Wax {mode}/held",
                                                samples[name(figure, mode)],
                                                samples[name(figure, HELD)])
                        for figure in UNITS for mode in MODES[1:]]
    return result


def main():
    parser = figures.options_of(__doc__, runs=8)
    parser.add_argument("--cells", type=int, default=os.cpu_count(),
                        help="cells that work (default: one for each CPU)")
    parser.add_argument("--seconds", type=int, default=8,
                        help="how long each turn lasts, of which a round has four (default: 8)")
    options = parser.parse_args()
    if options.cells < 1 or options.seconds < 1 or options.runs < 1:
        parser.error("--cells, --seconds and --runs are at least 1")
    figures.write(measure(options), options.json)


if __name__ == "__main__":
    main()
