#!/usr/bin/env python3
"""Bench "rpc": how long one guest waits for another's answer, and how fast it can send.

Without options, on this machine's own KVM, between micro guests (rpc/native.py): in two of Hive's
cells, and in QEMU with ivshmem-doorbell. With --lab, between stock guests (rpc/lab.py), all of them
booted from the same kernel and initramfs, side by side in one lab and alternating. There, all times
are those of a host that emulates everything: ratios mean something, and times do not.
docs/benchmarks.md tells what exactly is compared.
"""
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
from lib import figures  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LAB_LIMIT = 1200
LOADS = ["null rpc", "128 B", "4 KiB", "64 KiB"]
MICRO_KINDS = [f"{load} {way}" for load in LOADS[:3] for way in ("spinning", "sleeping")]
# Name after the load, dividend, divisor. A ratio is left out where a figure of it is missing.
PAIRS = [
    ("hive fast path/qemu ivshmem-doorbell", "hive fast path", "qemu ivshmem-doorbell"),
    ("hive fast path/hive vsock", "hive fast path", "hive vsock rpc"),  # The same API over both.
    ("hive fast path/hive vsock socket", "hive fast path", "hive vsock"),
    ("hive vsock/qemu tcp", "hive vsock", "qemu tcp"),  # The same program over both.
    ("hive vsock/qemu tcp vhost", "hive vsock", "qemu tcp vhost"),
    ("hive vsock/qemu tcp passt", "hive vsock", "qemu tcp passt"),
    ("hive slots/qemu ivshmem-doorbell", "hive slots", "qemu ivshmem-doorbell"),
]
MICRO = ("micro hive/qemu ivshmem-doorbell", "micro hive", "micro qemu ivshmem-doorbell")
RATIOS = [
    *[(f"{load} {name}", f"{load} {dividend}, us", f"{load} {divisor}, us")
      for load in LOADS for name, dividend, divisor in PAIRS],
    *[(f"{kind} {MICRO[0]}", f"{kind} {MICRO[1]}, us", f"{kind} {MICRO[2]}, us")
      for kind in MICRO_KINDS],
    *[(f"stream {name}", f"stream {dividend}, MB/s", f"stream {divisor}, MB/s")
      for name, dividend, divisor in PAIRS],
]


def run(command):
    """Its exit status and what it printed."""
    result = subprocess.run(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False,
                            text=True)
    return result.returncode, result.stdout


def measure_natively(rounds):
    status, output = run([f"{ROOT}/tests/bench/rpc/native.py", str(rounds)])
    if status != 0:
        sys.exit(f"bench rpc: exit status {status}")
    return json.loads(output)


def measure_in_labs(options):
    """The samples, and whether there are as many as there should be. Each round has a lab of its own.
    One with two CPUs does not always live long (docs/lab.md): what it measured until then counts, and
    its round is repeated."""
    command = [f"{ROOT}/scripts/lab", "--cpus", str(options.cpus), "--timeout", str(LAB_LIMIT),
               *(["--icount"] if options.icount else []), f"{ROOT}/tests/bench/rpc/lab.py",
               *options.loads]
    samples, done, failed = {}, 0, 0
    while done < options.runs and failed <= 3 * options.runs:
        print(f"bench rpc: round {done + 1} of {options.runs}", file=sys.stderr, flush=True)
        status, output = run(command)
        # It may have ended in the middle of the last line.
        for line in output[:output.rfind("\n") + 1].splitlines():
            for name, value in json.loads(line).items():
                samples.setdefault(name, []).append(value)
        done += status == 0
        failed += status != 0
    if failed:
        print(f"bench rpc: {failed} labs ended early", file=sys.stderr)
    return samples, done == options.runs


def measure(options):
    """{figure: [a sample of each round]}, and whether they are complete."""
    return measure_in_labs(options) if options.lab else (measure_natively(options.runs), True)


def report(samples):
    ratios = [each for each in RATIOS if each[1] in samples and each[2] in samples]
    return figures.report("rpc", samples, ratios)


def main():
    parser = figures.options_of(__doc__, runs=5)
    figures.add_lab_options(parser, "stock guests, in the lab")
    parser.add_argument("--cpus", type=int, default=1,
                        help="of the lab (default: 1); with 2, each guest of a pair has its own")
    parser.add_argument("--loads", metavar="LOAD[,LOAD...]", type=lambda text: text.split(","),
                        help=f"of --lab: some of {', '.join(LOADS)}, stream (default: all, or with "
                        "2 CPUs the first)")
    options = parser.parse_args()
    options.loads = options.loads or (LOADS[:1] if options.cpus > 1 else LOADS + ["stream"])
    if unknown := set(options.loads) - set(LOADS + ["stream"]):
        parser.error(f"no load \"{unknown.pop()}\"")
    samples, complete = measure(options)
    figures.write(report(samples), options.json)
    if not complete:
        sys.exit("bench rpc: not all rounds could be measured")


if __name__ == "__main__":
    main()
