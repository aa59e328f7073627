#!/usr/bin/env python3
"""Bench "metrics": what it costs a machine to have all its metrics collected every second.

As many cells of micro guests as the host has CPUs, on this machine's own KVM, work without an end and
count what they have done. In turns nobody asks, and `hive metrics --listen` is asked once a second, as
by Prometheus. docs/benchmarks.md tells what exactly is measured.
"""
import os
import socket
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
from lib import figures  # noqa: E402
from lib.micro_machine import BIN  # noqa: E402
from lib.work_machine import LIMIT, WorkMachine  # noqa: E402

NAME = "bench-metrics"
BURST = 100  # collections
REQUEST = b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n"
WITHOUT, WITH = "work without collection, pieces/s", "work with collection, pieces/s"
COST = "CPU time of a collection, us"


class Machine(WorkMachine):
    """COUNT cells that work, and a program that serves their metrics."""

    def __init__(self, folder, count):
        super().__init__(NAME, folder, count)
        self._server = None

    def __enter__(self):
        super().__enter__()
        self._server = subprocess.Popen(
            [f"{BIN}/hive", "metrics", NAME, "--listen", "127.0.0.1:0"], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, text=True, env=self.environment)
        self._port = int(self._server.stdout.readline().rsplit(":", 1)[1].split("/")[0])
        return self

    def __exit__(self, *_):
        self._server.terminate()
        self._server.wait()
        super().__exit__()

    def collect(self):
        """All metrics of all cells."""
        with socket.create_connection(("127.0.0.1", self._port), timeout=LIMIT) as client:
            client.sendall(REQUEST)
            answer = b""
            while part := client.recv(1 << 16):
                answer += part
        if not answer.startswith(b"HTTP/1.1 200 ") or b"hive_vcpu_exits_total{" not in answer:
            sys.exit(f"bench metrics: no metrics came: {answer[:200]}")

    def cost(self):
        """Nanoseconds of CPU time so far of all that takes part in collections: monitors, the VMMs'
        loops, and the server."""
        threads = [self._server.pid]
        for cell in self.status():
            threads += [cell["monitor_pid"], cell["vmm_pid"]]
        total = 0
        for thread in threads:
            with open(f"/proc/{thread}/task/{thread}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
        return total


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
    samples = {WITHOUT: [], WITH: [], COST: []}
    with tempfile.TemporaryDirectory() as folder, Machine(folder, options.cells) as machine:
        rate(machine, 2, True)  # What has just been started is to be over.
        for run in range(options.runs):
            print(f"bench metrics: round {run + 1} of {options.runs}", file=sys.stderr, flush=True)
            order = [False, True] if run % 2 == 0 else [True, False]
            rates = {collects: rate(machine, options.seconds, collects) for collects in order}
            samples[WITHOUT].append(rates[False])
            samples[WITH].append(rates[True])
        samples[COST] = [cost_of_one(machine) for _ in range(3)]
    result = figures.report("metrics", samples, [])
    result["ratios"] = [figures.ratio_in_rounds("work with/without collection", samples[WITH],
                                                samples[WITHOUT])]
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
