#!/usr/bin/env python3
"""Bench "firewall": what it costs to grant and to revoke pages, and to stop a forbidden write.

One cell's micro guest writes pages of another's contribution, in one process with the gatekeeper of
these. A grant or revoke is the gatekeeper's, ledger included; beside it, alternating, stand the ioctl
that it rests on (UFFDIO_WRITEPROTECT, once for each page) and mprotect, both on the same pages of
the mapping that KVM uses. The guest has written all pages before they are revoked, and runs on
meanwhile. What rights cost is processor time of the thread that changes them; what writes cost is
time of the guest's clock.

Runs on this machine's own KVM, or with --lab on the lab's, by the clock of the host, which emulates
all of it: there, ratios mean something, and times do not. In the lab it measures one thing more: how
fast a stock guest stores to shared memory, beside QEMU's ivshmem (firewall/ivshmem.py).
"""
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
from lib import figures  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.join(ROOT, "build/release/bin/firewall_bench")
IVSHMEM = os.path.join(ROOT, "tests/bench/firewall/ivshmem.py")
IVSHMEM_RUNS = 3  # at least
LAB_LIMIT = 3600
RATIOS = [  # name, dividend, divisor
    ("grant over a pattern hive/ioctl", "grant over a pattern hive, us a page",
     "grant over a pattern ioctl, us a page"),
    ("revoke over a pattern hive/ioctl", "revoke over a pattern hive, us a page",
     "revoke over a pattern ioctl, us a page"),
    ("grant of one page hive/ioctl", "grant of one page hive, us", "grant of one page ioctl, us"),
    ("revoke of one page hive/ioctl", "revoke of one page hive, us", "revoke of one page ioctl, us"),
    ("grant over a pattern hive/mprotect", "grant over a pattern hive, us a page",
     "grant over a pattern mprotect, us a page"),
    ("revoke over a pattern hive/mprotect", "revoke over a pattern hive, us a page",
     "revoke over a pattern mprotect, us a page"),
    ("stores granted/private", "stores granted, M/s", "stores private, M/s"),
    ("fill granted/private", "fill granted, MB/s", "fill private, MB/s"),
]
LAB_RATIOS = RATIOS + [
    ("stores shared hive/qemu ivshmem", "ivshmem stores hive granted, MB/s",
     "ivshmem stores qemu shared, MB/s"),
    ("ivshmem stores hive own/qemu shared", "ivshmem stores hive own, MB/s",
     "ivshmem stores qemu shared, MB/s"),
    ("ivshmem stores hive granted/private", "ivshmem stores hive granted, MB/s",
     "ivshmem stores hive private, MB/s"),
    ("ivshmem stores qemu shared/private", "ivshmem stores qemu shared, MB/s",
     "ivshmem stores qemu private, MB/s"),
]


def run(options, command):
    """What COMMAND prints: {figure: [a sample of each run]}"""
    if options.lab:
        lab = [f"{ROOT}/scripts/lab", "--timeout", str(LAB_LIMIT)]
        command = lab + (["--icount"] if options.icount else []) + command
    result = subprocess.run(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False,
                            text=True)
    if result.returncode != 0:
        sys.exit(f"bench firewall: exit status {result.returncode}")
    return json.loads(result.stdout)


def measure(options):
    """{figure: [a sample of each run]}"""
    samples = run(options, [PROGRAM, str(options.runs)])
    if options.lab:
        samples.update(run(options, [IVSHMEM, str(max(options.runs, IVSHMEM_RUNS))]))
    return samples


def main():
    parser = figures.options_of(__doc__, runs=7)
    figures.add_lab_options(parser, "in the lab, on hardware KVM")
    options = parser.parse_args()
    result = figures.report("firewall", measure(options), LAB_RATIOS if options.lab else RATIOS)
    figures.write(result, options.json)


if __name__ == "__main__":
    main()
