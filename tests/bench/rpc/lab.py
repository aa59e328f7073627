#!/usr/bin/env python3
"""Usage: lab.py LOAD...

Round trips and throughput between two stock guests, side by side in cells and in QEMU, alternating;
runs in the lab. Prints a line of JSON for each sample. tests/bench/rpc.py tells what is measured.
"""
import json
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import guests  # noqa: E402
import passt  # noqa: E402
from ivshmem_server import IvshmemServer  # noqa: E402
from lib.lab_guests import HIVE, KERNEL, Cell, QemuGuest  # noqa: E402

SIZES = {"null rpc": 1, "128 B": 128, "4 KiB": 4096, "64 KiB": 65536}
STREAM = 65536  # bytes of a message
TRIPS = 300
PORT = 5000
SHARED = 32 << 20
CIDS = 3, 4  # As plans give them, in order.
NETS = ("", "off"), (" vhost", "on")  # Suffix of the figure, who handles virtio-net's queues.


def host_cpu(number):
    """Where guest NUMBER of a pair runs: it must not be moved about."""
    return number % os.cpu_count()


def load_modules():
    for file in guests.module_files(["bridge", "tun", "vhost_net"]):
        name = os.path.basename(file)[:-3].replace("-", "_")
        if not os.path.exists(f"/sys/module/{name}"):
            subprocess.run(["busybox", "insmod", file], check=True)


class QemuPair:
    """Two guests of QEMU: networks between them by taps and bridges, and by passt, and an
    ivshmem-doorbell device each."""

    def __init__(self, initrd, folder):
        for net in range(len(NETS)):
            subprocess.run(f"busybox brctl addbr br{net} && busybox ip link set br{net} up", shell=True,
                           check=True)
        passt.make_link()
        self._passts = [passt.Passt(folder, 0), passt.Passt(folder, 1, PORT)]
        path = os.path.join(folder, "ivshmem")
        server, self.guests = IvshmemServer(path, SHARED), []
        for number in range(2):
            self.guests.append(QemuGuest(f"QEMU {number}", initrd, [
                *[word for net, (_, vhost) in enumerate(NETS) for word in self._nic(net, number, vhost)],
                *self._passts[number].options(len(NETS), f"52:54:00:00:09:0{number + 1}"),
                "-chardev", f"socket,id=peers,path={path}",
                "-device", "ivshmem-doorbell,vectors=1,chardev=peers",
                "-device", "intel-iommu,intremap=off"], host_cpu(number), ram_mib=guests.RAM_MIB,
                cmdline="intel_iommu=on", setup=guests.SETUP))
            server.accept()
        self._server = server
        for number, guest in enumerate(self.guests):
            guest.await_up()
            for net in range(len(NETS)):
                tap = f"tap{net}{number}"
                subprocess.run(f"busybox brctl addif br{net} {tap} && busybox ip link set {tap} up",
                               shell=True, check=True)
                guest.run(f"ip addr add 10.0.{net}.{number + 1}/24 dev eth{net} && "
                          f"ip link set eth{net} up")
            guest.run(self._passts[number].guest_setup(f"eth{len(NETS)}"))

    @staticmethod
    def _nic(net, number, vhost):
        return ["-netdev", f"tap,id=net{net},ifname=tap{net}{number},script=no,downscript=no,"
                f"vhost={vhost}",
                "-device", f"virtio-net-pci,netdev=net{net},mac=52:54:00:00:0{net}:0{number + 1}"]

    def close(self):
        for guest in self.guests:
            guest.close()
        for process in self._passts:
            process.close()


class HivePair:
    """Two cells of one machine that share memory."""

    def __init__(self, initrd, folder):
        os.environ["HIVE_RUNTIME_DIR"] = os.path.join(folder, "run")
        os.mkdir(os.environ["HIVE_RUNTIME_DIR"], 0o700)
        plan = os.path.join(folder, "rpc.yaml")
        with open(plan, "w", encoding="ascii") as target:
            json.dump({"machine": "rpc", "defaults": {
                "memory": f"{guests.RAM_MIB}MiB", "shared": f"{SHARED // 2 >> 20}MiB",
                "kernel": KERNEL, "initrd": initrd, "agent": True},
                "cells": [{"name": name, **({"cpus": [host_cpu(number)]} if os.cpu_count() > 1 else {})}
                          for number, name in enumerate(["alpha", "beta"])]}, target)
        self._hive("up", plan)
        self.guests = [Cell(name, guests.SETUP) for name in ("alpha", "beta")]
        for cell in self.guests:
            cell.await_up()

    def close(self):
        self._hive("down", "--force")

    @staticmethod
    def _hive(*words):
        subprocess.run([HIVE, *words], check=True,
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
        slots("hive slots", hive, "sleeping uio"),
        slots("qemu ivshmem-doorbell", qemu, "always vfio"),
        Link("hive fast path", hive, "rpc serve", "rpc call beta memory"),
        Link("hive vsock rpc", hive, "rpc serve", "rpc call beta socket"),
        Link("hive vsock", hive, f"vsock serve {PORT}", f"vsock call {CIDS[1]} {PORT}"),
        *[Link(f"qemu tcp{name}", qemu, f"tcp serve {PORT}", f"tcp call 10.0.{net}.2 {PORT}")
          for net, (name, _) in enumerate(NETS)],
        Link("qemu tcp passt", qemu, f"tcp serve {PORT}", f"tcp call {passt.GATEWAY} {PORT}"),
    ]


def tell(name, value):
    """At once: the lab may not live as long as all of it takes."""
    print(json.dumps({name: value}), flush=True)


def measure(links, loads):
    for load in loads:
        for link in links:
            if load == "stream":
                tell(f"stream {link.name}, MB/s", link.measure(STREAM, "stream")["mb_s"])
                continue
            found = link.measure(SIZES[load], TRIPS)
            print(f"{load} {link.name}: {found}", file=sys.stderr, flush=True)
            tell(f"{load} {link.name}, us", found["median"] / 1000)
            tell(f"{load} {link.name} p99, us", found["p99"] / 1000)


def main():
    with tempfile.TemporaryDirectory() as folder:
        initrd = os.path.join(folder, "initrd.cpio")
        guests.make_initrd(initrd)
        load_modules()
        qemu = QemuPair(initrd, folder)
        hive = HivePair(initrd, folder)
        measure(make_links(hive.guests, qemu.guests), sys.argv[1:])
        qemu.close()
        hive.close()


if __name__ == "__main__":
    main()
