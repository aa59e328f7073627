#!/usr/bin/env python3
"""Usage: ivshmem_peers.py PROGRAM KERNEL

Starts two cells of hive-vmm that share 8 MiB and whose guests run nothing but PROGRAM
(tests/lab/ivshmem_guest.cpp) on KERNEL. Fails unless both say that all is well.
"""
import array
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CELLS, VECTORS, PART, LIMIT = 2, 4, 4 << 20, 200
TURNS = 20


def archive(program):
    """An initramfs (newc) that holds PROGRAM as /init, and /dev/console."""
    def entry(number, name, mode, data=b"", device=(0, 0)):
        fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0]
        head = b"070701" + b"".join(b"%08x" % field for field in fields) + name + b"\0"
        return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)

    return (entry(1, b"dev", 0o040755) + entry(2, b"dev/console", 0o020600, device=(5, 1)) +
            entry(3, b"init", 0o100755, program) + entry(0, b"TRAILER!!!", 0))


def start(number, files, bells, kernel, initrd, folder):
    """The VMM of cell NUMBER, and the monitor's end of its link."""
    monitor, link = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    config = {
        "name": f"peer{number}", "vcpus": 1, "memory": 128 << 20, "kernel": kernel,
        "initrd": initrd, "cmdline": "console=ttyS0 quiet panic=-1",
        "global": {"own": number, "link": link.fileno(), "contributions": [
            {"file": file, "size": PART, "doorbells": each} for file, each in zip(files, bells)]},
    }
    path = os.path.join(folder, f"peer{number}.json")
    with open(path, "w", encoding="ascii") as target:
        json.dump(config, target)
    vmm = subprocess.Popen(
        [f"{ROOT}/build/release/bin/hive-vmm", "--config", path], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, pass_fds=[link.fileno(), *files, *sum(bells, [])])
    link.close()
    return vmm, monitor


def take_guard(monitor):
    """The descriptors of the one guard that the cell offers: as long as somebody has them, its writes
    to the other's pages wait."""
    packet, control, _, _ = monitor.recvmsg(64, socket.CMSG_SPACE(2 * 4))
    descriptors = array.array("i")
    for _, _, data in control:
        descriptors.frombytes(data)
    assert len(packet) == 24 and len(descriptors) == 2, "not an offer of a guard"
    return descriptors


def await_ends(vmms):
    """Both guests' output, once both have ended."""
    output = {vmm.stdout.fileno(): b"" for vmm in vmms}
    open_ends, deadline = set(output), time.monotonic() + LIMIT
    while open_ends and time.monotonic() < deadline:
        for end in select.select(list(open_ends), [], [], 1)[0]:
            data = os.read(end, 65536)
            output[end] += data
            if not data:
                open_ends.discard(end)
    for vmm in vmms:
        if vmm.stdout.fileno() in open_ends:
            vmm.kill()
        vmm.wait()
    return [output[vmm.stdout.fileno()].decode(errors="replace").replace("\r", "") for vmm in vmms]


def faults_in(number, text):
    lines = [line[line.index("guest: ") + 7:] for line in text.splitlines() if "guest: " in line]
    wanted = [f"BAR2 has {CELLS * PART} bytes", f"position {number}", f"{TURNS} turns",
              "window is write-back", "done"]
    return [f"cell {number}: no \"{line}\"" for line in wanted if line not in lines] + [
        f"cell {number}: {line}" for line in lines if line.startswith(("FAILED", "kernel:"))]


def main():
    program, kernel = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        initrd = os.path.join(folder, "initrd.cpio")
        with open(program, "rb") as source, open(initrd, "wb") as target:
            target.write(archive(source.read()))
        files = [os.memfd_create(f"part{number}", 0) for number in range(CELLS)]
        for file in files:
            os.truncate(file, PART)
        bells = [[os.eventfd(0, os.EFD_NONBLOCK) for _ in range(VECTORS)] for _ in range(CELLS)]
        started = [start(number, files, bells, kernel, initrd, folder) for number in range(CELLS)]
        guards = [take_guard(monitor) for _, monitor in started]
        texts = await_ends([vmm for vmm, _ in started])
    faults = [fault for number, text in enumerate(texts) for fault in faults_in(number, text)]
    for number, each in enumerate(bells):
        rings = [os.eventfd_read(bell) for bell in each if select.select([bell], [], [], 0)[0]]
        if rings != [TURNS // VECTORS] * VECTORS:
            faults.append(f"cell {number} was rung {rings} times")
    if faults:
        print(*texts, *faults, sep="\n")
        sys.exit(1)
    print(f"two peers took {TURNS} turns, each with {len(guards[0])} descriptors guarded")


if __name__ == "__main__":
    main()
