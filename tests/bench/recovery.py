#!/usr/bin/env python3
"""Bench "recovery": how long the survivors of a failure need to agree on it and to recover from it.

Machines of 2 to 64 monitors, each with a VMM and a micro guest at rest, on this machine's own KVM. The
last cell may write all of the global memory, every page of which holds data, and has written some
when its VMM is killed. Times are the monitors' events', which have CLOCK_MONOTONIC, as this program's
look at it before the kill. docs/benchmarks.md tells what exactly is measured.
"""
import os
import re
import signal
import socket
import statistics
import sys
import tempfile
import time

sys.dont_write_bytecode = True
from lib import figures  # noqa: E402
from lib.micro_machine import Machine  # noqa: E402

STORY_LIMIT = 60  # seconds
QUIET = 2  # seconds
HEARTBEAT = 500_000  # us: MemberSettings::heartbeat
TRIPS = 2000


def round_trip():
    """Median of a message's round trip between two processes that sleep, in us: 64 bytes each way over
    the sockets that monitors use."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    child = os.fork()
    if child == 0:
        ours.close()
        while packet := theirs.recv(64):
            theirs.send(packet)
        os._exit(0)
    theirs.close()
    times = []
    for _ in range(TRIPS):
        start = time.perf_counter_ns()
        ours.send(bytes(64))
        ours.recv(64)
        times.append((time.perf_counter_ns() - start) / 1000)
    ours.close()
    os.waitpid(child, 0)
    return statistics.median(times)


def await_story(machine, start):
    """The survivors' events since START, once all have resumed."""
    survivors, deadline = machine.cells[:-1], time.monotonic() + STORY_LIMIT
    time.sleep(QUIET)  # Who asks for events takes the monitors' time.
    while time.monotonic() < deadline:
        events = [each for each in machine.events()
                  if each["monotonic_ns"] >= start and each["cell"] in survivors]
        resumed = {each["cell"] for each in events if each["kind"] == "resumed"}
        if len(resumed) == len(survivors) and any(each["kind"] == "recovered" for each in events):
            return events
        time.sleep(0.2)
    sys.exit(f"bench recovery: the survivors have not recovered in {STORY_LIMIT} s: {events}")


def times_of(events, start):
    """{part: us}, and the pauses of all survivors, of one failure at START."""
    def first_of(kind, text=""):
        """Of each cell."""
        found = {}
        for each in events:
            if each["kind"] == kind and text in each["detail"]:
                found.setdefault(each["cell"], each["monotonic_ns"])
        return found

    alerts, views, resumed = (first_of(kind) for kind in ("alert", "view", "resumed"))
    recovered = first_of("recovered")
    discards = [float(match[1]) * 1000 for each in events if each["kind"] == "recovery"
                if (match := re.search(r"discard: .*?took ([0-9.]+) ms", each["detail"]))]
    span = {
        "fault to first alert": (start, min(alerts.values())),
        "fault to alert everywhere": (start, max(alerts.values())),
        "alert to view everywhere": (min(alerts.values()), max(views.values())),
        "view to recovered": (min(views.values()), max(recovered.values())),
        "view to resumed everywhere": (min(views.values()), max(resumed.values())),
    }
    times = {name: (end - begin) / 1000 for name, (begin, end) in span.items()}
    times["alert to view"] = (statistics.median(views.values()) - min(alerts.values())) / 1000
    times["pause"] = statistics.median((resumed[cell] - alerts[cell]) / 1000 for cell in resumed)
    times["discard"] = max(discards, default=0.0)
    return times


def measure_once(cells, shared, options):
    with tempfile.TemporaryDirectory() as folder, \
            Machine(folder, cells, shared, options.written << 10, options.discard) as machine:
        machine.let_victim_write()
        victim = machine.status()[machine.victim]["vmm_pid"]
        time.sleep(1)  # What has just been done is to be over.
        start = time.monotonic_ns()
        os.kill(victim, signal.SIGKILL)
        return times_of(await_story(machine, start), start)


def measure(options):
    samples = {}
    trip = "message round trip, us"
    for run in range(options.runs):
        samples.setdefault(trip, []).append(round_trip())
        for mib in options.memory:
            for cells in options.cells:
                print(f"bench recovery: run {run + 1} of {options.runs}: {cells} monitors, {mib} MiB",
                      file=sys.stderr, flush=True)
                for part, value in measure_once(cells, mib << 20, options).items():
                    samples.setdefault(f"{cells} monitors, {mib} MiB: {part}, us", []).append(value)
    samples["heartbeat period, us"] = [HEARTBEAT] * options.runs
    ratios = []
    for mib in options.memory:
        for cells in options.cells:
            for part, divisor in [("alert to view", trip), ("fault to alert everywhere",
                                                            "heartbeat period, us")]:
                name = f"{cells} monitors, {mib} MiB: {part}"
                ratios.append((f"{name}/{divisor[:-4]}", f"{name}, us", divisor))
    return figures.report("recovery", samples, ratios)


def numbers(text):
    return [int(each) for each in text.split(",")]


def main():
    parser = figures.options_of(__doc__, runs=5)
    parser.add_argument("--cells", type=numbers, default=[2, 4, 8, 16, 32, 64],
                        help="numbers of monitors (default: 2,4,8,16,32,64)")
    parser.add_argument("--memory", type=numbers, default=[64, 1024],
                        help="MiB of global memory, of all cells together (default: 64,1024)")
    parser.add_argument("--discard", choices=["writable", "written"], default="written",
                        help="the plan's policy: all that the cell could write, or what it has "
                        "written (default: written)")
    parser.add_argument("--written", type=int, default=256,
                        help="KiB that it writes of each other cell's memory (default: 256)")
    options = parser.parse_args()
    if not 0 <= options.written <= 1024:
        parser.error("--written is 0 to 1024: a cell may contribute no more than 2 MiB")
    figures.write(measure(options), options.json)


if __name__ == "__main__":
    main()
