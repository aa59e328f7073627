#!/usr/bin/env python3
"""Usage: lab.py ROUNDS

Round trips and throughput between two stock guests, side by side in cells and in QEMU, alternating;
runs in the lab. Prints the samples of each figure as JSON. tests/bench/rpc.py tells what is measured.
"""
import json
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import guests  # noqa: E402
from ivshmem_server import IvshmemServer  # noqa: E402

SIZES = {"null rpc": 1, "128 B": 128, "4 KiB": 4096, "64 KiB": 65536}
STREAM = 65536  # bytes of a message
TRIPS = 100
PORT = 5000
SHARED = 8 << 20
CIDS = 3, 4  # As plans give them, in order.
SPIN_NS = 1000  # What an adaptive spinner comes to where spinning is in vain: there is one CPU.


def load_modules():
    for file in guests.module_files(["bridge", "tun", "vhost_net"]):
        name = os.path.basename(file)[:-3].replace("-", "_")
        if not os.path.exists(f"/sys/module/{name}"):
            subprocess.run(["busybox", "insmod", file], check=True)


class QemuPair:
    """Two guests of QEMU: a network between them by tap, bridge and vhost, and an ivshmem-doorbell
    device each."""

    def __init__(self, initrd, folder):
        subprocess.run("busybox brctl addbr br0 && busybox ip link set br0 up", shell=True, check=True)
        path = os.path.join(folder, "ivshmem")
        server, self.guests = IvshmemServer(path, SHARED), []
        for number in range(2):
            self.guests.append(guests.QemuGuest(f"QEMU {number}", initrd, [
                "-netdev", f"tap,id=net,ifname=tap{number},script=no,downscript=no,vhost=on",
                "-device", f"virtio-net-pci,netdev=net,mac=52:54:00:00:00:0{number + 1}",
                "-chardev", f"socket,id=peers,path={path}",
                "-device", "ivshmem-doorbell,vectors=1,chardev=peers",
                "-device", "intel-iommu,intremap=off"]))
            server.accept()
        self._server = server
        for number, guest in enumerate(self.guests):
            guest.await_up()
            subprocess.run(f"busybox brctl addif br0 tap{number} && busybox ip link set tap{number} up",
                           shell=True, check=True)
            guest.run(f"ip addr add 10.0.0.{number + 1}/24 dev eth0 && ip link set eth0 up")

    def close(self):
        for guest in self.guests:
            guest.close()


class HivePair:
    """Two cells of one machine that share memory."""

    def __init__(self, initrd, folder):
        os.environ["HIVE_RUNTIME_DIR"] = os.path.join(folder, "run")
        os.mkdir(os.environ["HIVE_RUNTIME_DIR"], 0o700)
        plan = os.path.join(folder, "rpc.yaml")
        with open(plan, "w", encoding="ascii") as target:
            json.dump({"machine": "rpc", "defaults": {
                "memory": f"{guests.RAM_MIB}MiB", "shared": f"{SHARED // 2 >> 20}MiB",
                "kernel": guests.KERNEL, "initrd": initrd, "agent": True},
                "cells": [{"name": "alpha"}, {"name": "beta"}]}, target)
        self._hive("up", plan)
        self.guests = [guests.Cell("alpha"), guests.Cell("beta")]
        for cell in self.guests:
            cell.await_up()

    def close(self):
        self._hive("down", "--force")

    @staticmethod
    def _hive(*words):
        subprocess.run([f"{guests.ROOT}/build/release/bin/hive", *words], check=True,
                       stdin=subprocess.DEVNULL, stdout=sys.stderr)


class Link:
    """One way from a guest to another. Its server runs only while it measures."""

    def __init__(self, name, pair, serve, call):
        self.name = name
        self._caller, self._server = pair
        self._serve, self._call = serve, call

    def measure(self, size, count):
        self._server.run(
            f"/bench/rpc_peer {self._serve} </dev/null >/tmp/serving 2>&1 & echo $! >/tmp/server; "
            "for i in $(seq 100); do [ -s /tmp/serving ] && break; sleep 0.1; done; "
            "grep -q '^serving' /tmp/serving || { cat /tmp/serving; false; }")
        output = self._caller.run(f"/bench/rpc_peer {self._call} {size} {count}")
        self._server.run("kill $(cat /tmp/server); rm /tmp/serving")
        return json.loads(output[output.index("{"):])


def slots(name, pair, policy):
    return Link(name, pair, f"slots serve {policy}", f"slots call {policy}")


def make_links(hive, qemu):
    """In the order in which they take turns: those that are compared are neighbours."""
    return [
        slots("hive slots", hive, f"sleeping uio {SPIN_NS}"),
        slots("qemu ivshmem-doorbell", qemu, f"always vfio {SPIN_NS}"),
        slots("qemu ivshmem-doorbell timer", qemu, f"always timer {SPIN_NS}"),
        Link("hive fast path", hive, "rpc serve", "rpc call beta memory"),
        Link("hive vsock rpc", hive, "rpc serve", "rpc call beta socket"),
        Link("hive vsock", hive, f"vsock serve {PORT}", f"vsock call {CIDS[1]} {PORT}"),
        Link("qemu tcp", qemu, f"tcp serve {PORT}", f"tcp call 10.0.0.2 {PORT}"),
    ]


def measure(links, rounds):
    """{figure: [a sample of each round]}"""
    samples = {}
    for number in range(1, rounds + 1):
        for load, size in SIZES.items():
            for link in links:
                found = link.measure(size, TRIPS)
                print(f"round {number} of {rounds}: {load} {link.name}: {found}", file=sys.stderr,
                      flush=True)
                samples.setdefault(f"{load} {link.name}, us", []).append(found["median"] / 1000)
                samples.setdefault(f"{load} {link.name} p99, us", []).append(found["p99"] / 1000)
        for link in links:
            found = link.measure(STREAM, "stream")
            samples.setdefault(f"stream {link.name}, MB/s", []).append(found["mb_s"])
    return samples


def main():
    rounds = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        initrd = os.path.join(folder, "initrd.cpio")
        guests.make_initrd(initrd)
        load_modules()
        qemu = QemuPair(initrd, folder)
        hive = HivePair(initrd, folder)
        links = make_links(hive.guests, qemu.guests)
        samples = measure(links, rounds)
        qemu.close()
        hive.close()
    print(json.dumps(samples))


if __name__ == "__main__":
    main()
