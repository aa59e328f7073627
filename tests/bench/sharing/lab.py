#!/usr/bin/env python3
"""Usage: lab.py SECONDS ROUND

What tests/bench/sharing.py measures, in the lab: prints {figure: value} as JSON.
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib.lab_guests import HIVE, Cell  # noqa: E402

MACHINE = "sharing"
MEMORY_MIB, MOST_MIB, RESERVE_MIB, SWAP_MIB, FILE_MIB = 176, 432, 96, 320, 2
# Files that the cells work on: in one of them more than it has memory for, in all of them less.
SKEWED, BALANCED = [120, 0, 0], [24, 24, 24]
SETUP = f"""mkswap /dev/vda >/dev/null && swapon /dev/vda && mkdir /work &&
mount -t tmpfs -o size={SWAP_MIB}m none /work && echo 0 >/tmp/done"""
MAKE = f"""for i in $(seq 1 %d); do yes $i | head -c {FILE_MIB << 20} >/work/$i || exit 1; done"""
# Reads its files again and again, and says how many it has read; or "failed".
WORK = """n=0; while :; do for each in /work/*; do
if md5sum $each >/dev/null; then n=$((n + 1)); else n=failed; fi
echo $n >/tmp/next; mv /tmp/next /tmp/done; done; done"""
BEGIN = f"""(sh -c '{WORK}' >/dev/null 2>&1 & echo $! >/tmp/worker)"""
END = """kill $(cat /tmp/worker) && rm -f /work/*"""


def note(*words):
    print("bench sharing:", *words, file=sys.stderr, flush=True)


def hive(*words):
    return subprocess.run([HIVE, *words], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          text=True).stdout


def start(folder):
    names = ["a", "b", "c"]
    for name in names:
        with open(os.path.join(folder, name), "wb") as disk:
            disk.truncate(SWAP_MIB << 20)
    plan = os.path.join(folder, "plan.yaml")
    with open(plan, "w", encoding="ascii") as target:
        json.dump({"machine": MACHINE, "defaults": {
            "memory": f"{MEMORY_MIB}MiB", "max_memory": f"{MOST_MIB}MiB",
            "reserve": f"{RESERVE_MIB}MiB", "kernel": "debian"},
            "cells": [{"name": name, "disks": [{"path": os.path.join(folder, name)}]} for name in names]
            + [{"name": "wax", "role": "policy", "policy": "balance"}]}, target)
    hive("up", plan)
    cells = [Cell(name, SETUP) for name in names]
    for cell in cells:
        cell.await_up()
    return cells


def borrowed():
    """What cells have of each other's memory, in MiB."""
    cells = json.loads(hive("status", MACHINE, "--json"))["machines"][0]["cells"]
    return sum(cell.get("borrowed", 0) for cell in cells) >> 20


class Wax:
    """The policy's cell, which runs or is held."""

    def __init__(self):
        self._held = False

    def hold(self, held):
        if held != self._held:
            hive("pause" if held else "resume", f"{MACHINE}/wax")
        self._held = held


def done(worker):
    """The files that WORKER has read, and when that was so."""
    return int(worker.run("cat /tmp/done", 60)), time.monotonic()


def rate(workers, seconds):
    """Files a second, of all WORKERS together."""
    begun = [done(worker) for worker in workers]
    time.sleep(seconds)
    ended = [done(worker) for worker in workers]
    return sum((count - first) / (end - start)
               for (first, start), (count, end) in zip(begun, ended))


def measure_load(load, counts, cells, wax, turns):
    """{figure: value} of LOAD, in which each of CELLS has so many files as COUNTS says. TURNS, one after
    the other: whether Wax is held, and for how many seconds that is counted."""
    workers = [cell for cell, count in zip(cells, counts) if count]
    wax.hold(True)
    for cell, count in zip(cells, counts):
        if count:
            cell.run(MAKE % count, 120)
            cell.run(BEGIN)
    rates = {}
    for held, seconds in turns:
        wax.hold(held)
        time.sleep(seconds / 2)  # What has to change does so.
        figure = f"{load} {'without' if held else 'with'} Wax, files/s"
        rates.setdefault(figure, []).append(rate(workers, seconds))
        note(f"{figure}: {rates[figure][-1]:.2f}; {borrowed()} MiB are borrowed")
    for cell in workers:
        cell.run(END, 60)
    wax.hold(False)
    return {figure: statistics.median(values) for figure, values in rates.items()}


def main():
    seconds, turn = int(sys.argv[1]), int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HIVE_RUNTIME_DIR"] = os.path.join(folder, "run")
        os.mkdir(os.environ["HIVE_RUNTIME_DIR"], 0o700)
        cells, wax = start(folder), Wax()
        pair = [(True, seconds / 4), (False, seconds / 4)]
        rates = measure_load("balanced", BALANCED, cells, wax, 4 * pair[::1 if turn % 2 else -1])
        # What is borrowed stays while Wax is held, so here that comes first.
        rates.update(measure_load("skewed", SKEWED, cells, wax, [(True, seconds), (False, seconds)]))
        hive("down", MACHINE, "--force")
    print(json.dumps(rates))


if __name__ == "__main__":
    main()
