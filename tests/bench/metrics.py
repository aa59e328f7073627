#!/usr/bin/env python3
"""Bench "metrics": what it costs a machine to have all its metrics collected every second.

As many cells of micro guests as the host has CPUs, on this machine's own KVM, work without an end and
count what they have done. In turns nobody asks, and `hive metrics --listen` is asked once a second, as
by Prometheus. docs/benchmarks.md tells what exactly is measured.
"""
import json
import mmap
import os
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
from lib import figures  # noqa: E402
from lib.micro_machine import BIN, LEAST_PART, PAGE  # noqa: E402

NAME = "bench-metrics"
LIMIT = 60  # seconds
BURST = 100  # collections
REQUEST = b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n"
WITHOUT, WITH = "work without collection, pieces/s", "work with collection, pieces/s"
RATIO, COST = "work with/without in a round, share", "CPU time of a collection, us"


class Machine:
    """COUNT cells that work, and a program that serves their metrics."""

    def __init__(self, folder, count):
        self._environment = dict(os.environ, HIVE_RUNTIME_DIR=os.path.join(folder, "run"))
        cells = []
        for index in range(count):
            script = os.path.join(folder, f"c{index}")
            with open(script, "wb") as target:
                subprocess.run([f"{BIN}/metrics_guest", str(count), str(index), str(LEAST_PART)],
                               stdout=target, check=True)
            cells.append({"name": f"c{index}", "initrd": script})
        self._plan = os.path.join(folder, "plan.yaml")
        with open(self._plan, "w", encoding="ascii") as target:
            json.dump({"machine": NAME, "cells": cells, "defaults": {
                "memory": "16MiB", "shared": f"{LEAST_PART >> 10}KiB", "kernel": f"{BIN}/micro.elf",
                "agent": False}}, target)
        self._server = None

    def __enter__(self):
        try:
            self._hive("up", "--detach", self._plan)
            deadline = time.monotonic() + LIMIT
            while any(cell["state"] != "running" for cell in self._status()):
                if time.monotonic() > deadline:
                    sys.exit("bench metrics: the machine does not come up")
                time.sleep(0.2)
            self._counters = [self._open_counter(cell) for cell in self._status()]
            self._server = subprocess.Popen(
                [f"{BIN}/hive", "metrics", NAME, "--listen", "127.0.0.1:0"], stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, text=True, env=self._environment)
            self._port = int(self._server.stdout.readline().rsplit(":", 1)[1].split("/")[0])
        except BaseException:
            self._take_down()
            raise
        return self

    def __exit__(self, *_):
        self._take_down()

    def collect(self):
        """All metrics of all cells."""
        with socket.create_connection(("127.0.0.1", self._port), timeout=LIMIT) as client:
            client.sendall(REQUEST)
            answer = b""
            while part := client.recv(1 << 16):
                answer += part
        if not answer.startswith(b"HTTP/1.1 200 ") or b"hive_vcpu_exits_total{" not in answer:
            sys.exit(f"bench metrics: no metrics came: {answer[:200]}")

    def done(self):
        """Pieces of work so far, of all cells together."""
        return sum(struct.unpack("<Q", counter[PAGE:PAGE + 8])[0] for counter in self._counters)

    def cost(self):
        """Nanoseconds of CPU time so far of all that takes part in collections: monitors, the VMMs'
        loops, and the server."""
        threads = [self._server.pid]
        for cell in self._status():
            threads += [cell["monitor_pid"], cell["vmm_pid"]]
        total = 0
        for thread in threads:
            with open(f"/proc/{thread}/task/{thread}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
        return total

    def _hive(self, *words):
        result = subprocess.run([f"{BIN}/hive", *words], stdin=subprocess.DEVNULL, check=False,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                env=self._environment)
        if result.returncode != 0:
            sys.exit(f"bench metrics: hive {' '.join(words)}: {result.stdout}")
        return result.stdout

    def _status(self):
        return json.loads(self._hive("status", NAME, "--json"))["machines"][0]["cells"]

    @staticmethod
    def _open_counter(cell):
        folder = f"/proc/{cell['monitor_pid']}/fd"
        for entry in os.listdir(folder):
            path = os.path.join(folder, entry)
            if os.readlink(path) == f"/memfd:hive-global-{cell['cell']} (deleted)":
                with open(path, "rb", buffering=0) as file:
                    return mmap.mmap(file.fileno(), LEAST_PART, prot=mmap.PROT_READ)
        sys.exit(f"bench metrics: cell {cell['cell']} has no global memory")

    def _take_down(self):
        if self._server:
            self._server.terminate()
            self._server.wait()
        subprocess.run([f"{BIN}/hive", "down", NAME, "--force"], env=self._environment, check=False,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def rate(machine, seconds, collects):
    """Pieces of work a second, for so many SECONDS."""
    before, start = machine.done(), time.monotonic()
    for second in range(1, seconds + 1):
        if collects:
            machine.collect()
        time.sleep(max(0.0, start + second - time.monotonic()))
    work, end = machine.done() - before, time.monotonic()
    return work / (end - start)


def cost_of_one(machine):
    """CPU time of a collection, in us, less what the same processes take at rest."""
    def spent(task):
        before, start = machine.cost(), time.monotonic()
        task()
        return machine.cost() - before, time.monotonic() - start

    rest, rested = spent(lambda: time.sleep(2))
    busy, lasted = spent(lambda: [machine.collect() for _ in range(BURST)])
    return max(0.0, busy - rest / rested * lasted) / BURST / 1000


def measure(options):
    samples = {WITHOUT: [], WITH: [], RATIO: [], COST: []}
    with tempfile.TemporaryDirectory() as folder, Machine(folder, options.cells) as machine:
        rate(machine, 2, True)  # What has just been started is to be over.
        for run in range(options.runs):
            print(f"bench metrics: round {run + 1} of {options.runs}", file=sys.stderr, flush=True)
            order = [False, True] if run % 2 == 0 else [True, False]
            rates = {collects: rate(machine, options.seconds, collects) for collects in order}
            samples[WITHOUT].append(rates[False])
            samples[WITH].append(rates[True])
            samples[RATIO].append(rates[True] / rates[False])
        samples[COST] = [cost_of_one(machine) for _ in range(3)]
    result = figures.report("metrics", samples, [])
    result["ratios"] = [{"name": "work with/without collection", "n": options.runs,
                         "value": statistics.median(samples[RATIO])}]
    return result


def main():
    parser = figures.options_of(__doc__, runs=16)
    parser.add_argument("--cells", type=int, default=os.cpu_count(),
                        help="cells that work (default: one for each CPU)")
    parser.add_argument("--seconds", type=int, default=4,
                        help="how long each half of a round lasts (default: 4)")
    options = parser.parse_args()
    if options.cells < 1 or options.seconds < 1 or options.runs < 1:
        parser.error("--cells, --seconds and --runs are at least 1")
    figures.write(measure(options), options.json)


if __name__ == "__main__":
    main()
