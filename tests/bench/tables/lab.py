#!/usr/bin/env python3
"""Usage: lab.py RUNS SCALE CELLS[,CELLS...]

What tests/bench/tables.py measures, in the lab: the workloads in one guest of QEMU, then over so many
cells; and in the first machine with two cells or more the operations. Prints a line of JSON for each
sample.
"""
import json
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import operations  # noqa: E402
import workloads  # noqa: E402
from lib.initramfs import append_programs  # noqa: E402
from lib.lab_guests import HIVE, IMAGE, KERNEL, ROOT, Cell, QemuGuest  # noqa: E402

GUEST_MIB, CELL_MIB, SHARED_MIB = 256, 112, 16
NAMES = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"]
COUNT = 200  # of an operation, in one sample


def tell(name, value):
    """At once: the lab may not live as long as all of it takes."""
    print(json.dumps({name: value}), flush=True)


def note(*words):
    print("bench tables:", *words, file=sys.stderr, flush=True)


def measure_guest(initrd, work, runs):
    """The workloads in one guest of QEMU, which has all CPUs; {workload: its output}."""
    cpus = os.cpu_count()
    guest = QemuGuest("the guest", initrd, ["-smp", str(cpus)], f"0-{cpus - 1}", ram_mib=GUEST_MIB)
    guest.await_up()
    outputs = {}
    for name, (alone, _) in work.items():
        for run in range(runs):
            seconds, outputs[name] = workloads.run_in_guest(guest, alone(cpus))
            note(f"{name}, 1 guest, run {run + 1}: {seconds:.2f} s")
            tell(f"{name} 1 guest, s", seconds)
    guest.close()
    return outputs


def start_machine(folder, initrd, count):
    plan = os.path.join(folder, f"tables-{count}.yaml")
    with open(plan, "w", encoding="ascii") as target:
        json.dump({"machine": f"tables-{count}", "defaults": {
            "memory": f"{CELL_MIB}MiB", "shared": f"{SHARED_MIB}MiB", "kernel": KERNEL, "initrd": initrd,
            "agent": True}, "cells": [{"name": name} for name in NAMES[:count]]}, target)
    subprocess.run([HIVE, "up", plan], check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)
    cells = [Cell(name) for name in NAMES[:count]]
    for cell in cells:
        cell.await_up()
    return cells


def measure_cells(cells, work, runs, outputs):
    machine = workloads.Cells(cells)
    label = f"{len(cells)} cell" + ("s" if len(cells) > 1 else "")
    for name, (_, over_cells) in work.items():
        for run in range(runs):
            seconds, output = machine.run(over_cells)
            if output != outputs[name]:
                sys.exit(f"bench tables: {name} over {label} comes to {output}, not {outputs[name]}")
            note(f"{name}, {label}, run {run + 1}: {seconds:.2f} s")
            tell(f"{name} {label}, s", seconds)


def measure_operations(home, other, runs):
    operations.prepare(home, other)
    for turn in range(runs):
        for name, sides in operations.measure(home, other, turn, COUNT).items():
            for side, value in sides.items():
                tell(f"{name} {side}, us", value / 1000)
        note(f"operations, run {turn + 1}")


def main():
    runs, work = int(sys.argv[1]), workloads.commands(float(sys.argv[2]))
    with tempfile.TemporaryDirectory() as folder:
        initrd = os.path.join(folder, "initrd.cpio")
        append_programs(os.path.join(IMAGE, "workloads.cpio"), initrd,
                        {"bin/table_operations": f"{ROOT}/build/release/bin/table_operations"})
        os.environ["HIVE_RUNTIME_DIR"] = os.path.join(folder, "run")
        os.mkdir(os.environ["HIVE_RUNTIME_DIR"], 0o700)
        outputs = measure_guest(initrd, work, runs)
        operations_left = True
        for count in map(int, sys.argv[3].split(",")):
            cells = start_machine(folder, initrd, count)
            measure_cells(cells, work, runs, outputs)
            if operations_left and count > 1:
                measure_operations(cells[0], cells[1], runs)
                operations_left = False
            subprocess.run([HIVE, "down", "--force"], check=True, stdin=subprocess.DEVNULL,
                           stdout=sys.stderr)


if __name__ == "__main__":
    main()
