#!/usr/bin/env python3
"""Usage: ivshmem.py ROUNDS

How fast a stock guest stores to the memory of an ivshmem device: in a cell of hive-vmm, to its own
contribution and to another's, and in QEMU, alternating. Both boot the same kernel with 128 MiB and
nothing but ivshmem_stores (tests/bench/firewall/ivshmem_guest.cpp). Each page of the other
contribution is opened at its first write, as a gatekeeper does it for pages that are granted.

Prints the samples of each figure as JSON.
"""
import fcntl
import json
import os
import re
import select
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "tests/lab"))
import ivshmem_peers as peers  # noqa: E402

PROGRAM = os.path.join(ROOT, "build/release/bin/ivshmem_stores")
KERNEL = os.path.join(os.environ.get("HIVE_IMAGES", os.path.join(ROOT, "build/images")),
                      "debian/vmlinux")
RAM_MIB = 128
LIMIT = 200  # seconds of one run
LINE = re.compile(r"^stores (private|first|second) ([0-9.]+)\r?\n", re.M)
PAGE, AREA_PAGES = 4096, 256  # AREA_PAGES: as ivshmem_guest.cpp has it.
UFFDIO_WRITEPROTECT = 0xC018AA06
FIGURES = {  # what the guest calls an area: the figure's name
    "hive": {"private": "ivshmem stores hive private, MB/s",
             "first": "ivshmem stores hive own, MB/s",
             "second": "ivshmem stores hive granted, MB/s"},
    "qemu": {"private": "ivshmem stores qemu private, MB/s",
             "second": "ivshmem stores qemu shared, MB/s"},
}


def qemu(initrd):
    return subprocess.Popen([
        "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-accel", "kvm",
        "-M", "q35", "-cpu", "host", "-m", f"{RAM_MIB}M", "-serial", "stdio", "-kernel", KERNEL,
        "-initrd", initrd, "-append", "console=ttyS0 quiet panic=-1",
        "-object", f"memory-backend-memfd,id=shared,share=on,size={peers.CELLS * peers.PART}",
        "-device", "ivshmem-plain,memdev=shared",
    ], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)


def open_page(guard):
    """Lets the write go on that waits at GUARD (a userfaultfd), and all later ones to its page."""
    address, = struct.unpack_from("Q", os.read(guard, 32), 16)
    fcntl.ioctl(guard, UFFDIO_WRITEPROTECT, struct.pack("QQQ", address & -PAGE, PAGE, 0))


def speeds(vmm, guard=None):
    """{area: MB/s}, and how many pages behind GUARD were opened. Ends VMM."""
    output, opened, deadline = b"", 0, time.monotonic() + LIMIT
    ends = [vmm.stdout] + ([] if guard is None else [guard])
    found = {}
    while len(found) < 3 and time.monotonic() < deadline:
        ready = select.select(ends, [], [], 1)[0]
        if guard in ready:
            open_page(guard)
            opened += 1
        if vmm.stdout in ready:
            data = os.read(vmm.stdout.fileno(), 65536)
            if not data:
                break
            output += data
            found = {area: float(speed) for area, speed in LINE.findall(output.decode("latin-1"))}
    vmm.kill()
    vmm.wait()
    vmm.stdout.close()
    if len(found) < 3:
        sys.exit(f"{output.decode('latin-1')}\nbench firewall: {vmm.args[0]}'s guest did not finish")
    return found, opened


def measure_hive(initrd, folder):
    files = [os.memfd_create("part", 0) for _ in range(peers.CELLS)]
    for file in files:
        os.truncate(file, peers.PART)
    bells = [[os.eventfd(0, os.EFD_NONBLOCK) for _ in range(peers.VECTORS)] for _ in files]
    vmm, monitor = peers.start(0, files, bells, KERNEL, initrd, folder)
    guard, denials = peers.take_guard(monitor)
    found, opened = speeds(vmm, guard)
    if opened != AREA_PAGES:
        sys.exit(f"bench firewall: {opened} pages of another's were opened, not {AREA_PAGES}")
    monitor.close()
    for descriptor in [guard, denials, *files, *sum(bells, [])]:
        os.close(descriptor)
    return found


def main():
    rounds = int(sys.argv[1])
    samples = {name: [] for names in FIGURES.values() for name in names.values()}
    with tempfile.TemporaryDirectory() as folder:
        initrd = os.path.join(folder, "initrd.cpio")
        with open(PROGRAM, "rb") as source, open(initrd, "wb") as target:
            target.write(peers.archive(source.read()))
        for number in range(1, rounds + 1):
            found = {"hive": measure_hive(initrd, folder), "qemu": speeds(qemu(initrd))[0]}
            for peer, names in FIGURES.items():
                for area, name in names.items():
                    samples[name].append(found[peer][area])
            print(f"ivshmem run {number} of {rounds}: {found}", file=sys.stderr, flush=True)
    print(json.dumps(samples))


main()
