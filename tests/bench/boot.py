#!/usr/bin/env python3
"""Bench "boot": how soon, with how many exits and in how little memory hive-vmm boots a stock Linux.

Compares hive-vmm with Debian's QEMU, as -M microvm,rtc=on and as -M q35, both booting the
uncompressed kernel by PVH. All boot the same kernel, initramfs and command line with 128 MiB, a
serial port and no device that QEMU adds by itself, alternating, so that a drift of the machine
meets all of them. Each run has a lab of its own, under icount, where a second is 250 million
instructions; --here measures on this machine's own KVM.

All that the VMMs read is copied into memory before, and they run with that copy as their root
folder: where time is counted in instructions, it leaps ahead whenever the processor waits for a
file, by as much as the host happens to take.
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys

sys.dont_write_bytecode = True
from lib import figures  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.join(ROOT, "build/release/bin")
IMAGE = os.path.join(ROOT, "build/images/debian")
SAMPLES = os.path.join(ROOT, "build/lab-out/bench-boot.json")
RAM_MIB = 128
CMDLINE = "console=ttyS0 quiet"
FIRST_LINE = "hive: userspace"
QEMU = "/usr/bin/qemu-system-x86_64"
FIRMWARE = [
    "/usr/share/qemu/pvh.bin", "/usr/share/qemu/bios-microvm.bin", "/usr/share/qemu/linuxboot_dma.bin",
    "/usr/share/qemu/kvmvapic.bin", "/usr/share/seabios/bios-256k.bin",
]
DEFAULTS_FIRMWARE = ["/usr/share/seabios/vgabios-stdvga.bin", "/usr/lib/ipxe/qemu/efi-e1000e.rom"]
Q35_DEFAULTS = "qemu-q35-defaults"
STAGE = "/mnt"  # in a mount namespace of our own
SETTLE_SECONDS = 3
BOOT_LIMIT = 120
# A run takes half a minute, several on a busy host. Now and then a guest of QEMU hangs there, spinning
# on a lock in an interrupt (docs/lab.md).
RUN_LIMIT = 300
ATTEMPTS = 4
TIMED_OUT = 124  # scripts/lab's exit status


def qemu(machine, cmdline, devices=("-nodefaults",)):
    return [
        QEMU, *devices, "-no-user-config", "-display", "none", "-accel", "kvm",
        "-M", machine, "-cpu", "host", "-m", f"{RAM_MIB}M", "-serial", "stdio",
        "-kernel", f"{IMAGE}/vmlinux", "-initrd", f"{IMAGE}/initrd.cpio", "-append", cmdline,
    ]


def hive(cmdline):
    config = "/cell.json"
    with open(STAGE + config, "w", encoding="ascii") as target:
        json.dump({"name": "bench", "vcpus": 1, "memory": RAM_MIB << 20, "kernel": f"{IMAGE}/vmlinux",
                   "initrd": f"{IMAGE}/initrd.cpio", "cmdline": cmdline}, target)
    return [f"{BIN}/hive-vmm", "--config", config]


def copy_in(path):
    target = STAGE + path
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copy(path, target)


def copy_in_program(path):
    """Copies a program and the shared libraries that it needs."""
    copy_in(path)
    listing = subprocess.run(["ldd", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             check=False, text=True).stdout
    for library in re.findall(r"(/\S+) \(0x", listing):
        copy_in(library)


def stage(programs, firmware):
    """Makes STAGE a root folder in memory that has everything that the VMMs read."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", STAGE], check=True)
    for folder in ("dev", "proc", "sys"):
        os.mkdir(f"{STAGE}/{folder}")
        subprocess.run(["mount", "--rbind", f"/{folder}", f"{STAGE}/{folder}"], check=True)
    for folder in ("tmp", "run"):
        os.mkdir(f"{STAGE}/{folder}")
    for program in programs:
        copy_in_program(program)
    for path in firmware:
        copy_in(path)
    for name in ("vmlinux", "initrd.cpio"):
        copy_in(os.path.join(IMAGE, name))


def probe(name, command):
    """One boot: {"seconds", "exits", "vmm_kib"}."""
    argv = ["chroot", STAGE, f"{BIN}/boot_probe", str(RAM_MIB), FIRST_LINE, str(SETTLE_SECONDS),
            str(BOOT_LIMIT)]
    result = subprocess.run(argv + command, stdout=subprocess.PIPE, check=False, text=True)
    if result.returncode != 0:
        sys.exit(f"bench boot: {name} failed, exit status {result.returncode}")
    return json.loads(result.stdout)


def collect(peers, runs, keep):
    """{peer: [sample of each run]}; written to file KEEP, if any, whenever there is one more."""
    samples = {name: [] for name in peers}
    for run in range(1, runs + 1):
        for name, command in peers.items():
            sample = probe(name, command)
            samples[name].append(sample)
            print(f"run {run} of {runs}: {name}: {sample['seconds']:.3f} s, "
                  f"{sample['exits']} exits, {sample['vmm_kib'] / 1024:.1f} MiB",
                  file=sys.stderr, flush=True)
            if keep:
                with open(keep, "w", encoding="ascii") as target:
                    json.dump(samples, target)
    return samples


def report(samples):
    def values(peer, key):
        return [sample[key] for sample in samples[peer]]

    def ratio(name, key, peer):
        value = statistics.median(values("hive", key)) / statistics.median(values(peer, key))
        return {"name": name, "value": value, "n": len(samples["hive"])}

    found = []
    for peer in samples:
        found.append(figures.figure(f"boot {peer}, s", "s", values(peer, "seconds")))
        found.append(figures.figure(f"boot exits {peer}", "exits", values(peer, "exits")))
        name = "vmm memory" if peer == "hive" else f"{peer} memory"
        memory = [kib / 1024 for kib in values(peer, "vmm_kib")]
        found.append(figures.figure(f"{name} beside guest RAM, MiB", "MiB", memory))
    ratios = []
    if "hive" in samples:
        ratios = [
            ratio("boot hive/qemu-q35", "seconds", "qemu-q35"),
            ratio("boot hive/qemu-microvm", "seconds", "qemu-microvm"),
            ratio("boot exits hive/qemu-microvm", "exits", "qemu-microvm"),
        ]
        if Q35_DEFAULTS in samples:
            ratios.append(ratio(f"boot hive/{Q35_DEFAULTS}", "seconds", Q35_DEFAULTS))
    return {"bench": "boot", "figures": found, "ratios": ratios}


def measure_here(options):
    cmdline = f"{CMDLINE} {options.cmdline}".strip()
    with_hive = [] if options.peers_only else [f"{BIN}/hive-vmm"]
    stage([QEMU, f"{BIN}/boot_probe"] + with_hive,
          FIRMWARE + (DEFAULTS_FIRMWARE if options.q35_defaults else []))
    peers = {"hive": hive(cmdline)} if with_hive else {}
    peers["qemu-microvm"] = qemu("microvm,rtc=on", cmdline)
    peers["qemu-q35"] = qemu("q35", cmdline)
    if options.q35_defaults:
        peers[Q35_DEFAULTS] = qemu("q35", cmdline, devices=("-monitor", "none"))
    return report(collect(peers, options.runs, options.samples))


def run_in_lab(options):
    """{peer: sample} of one boot each, in a lab of its own."""
    again = [os.path.abspath(__file__), "--here", "--runs", "1", "--samples", SAMPLES,
             f"--cmdline={options.cmdline}"]
    again += ["--peers-only"] if options.peers_only else []
    again += ["--q35-defaults"] if options.q35_defaults else []
    lab = [f"{ROOT}/scripts/lab", "--timeout", str(RUN_LIMIT)]
    lab += [] if options.wall else ["--icount"]
    for _ in range(ATTEMPTS):
        if os.path.exists(SAMPLES):
            os.unlink(SAMPLES)
        status = subprocess.run(lab + again, check=False, stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL).returncode
        samples = {}
        if os.path.exists(SAMPLES):
            with open(SAMPLES, encoding="ascii") as source:
                samples = json.load(source)
        if status == 0:
            return {name: taken[0] for name, taken in samples.items()}
        # Never hide a hang of our own.
        if status != TIMED_OUT or not (options.peers_only or samples.get("hive")):
            sys.exit(f"bench boot: the lab failed, exit status {status}")
        stuck = next((name for name, taken in samples.items() if not taken), "a VMM")
        print(f"bench boot: {stuck} did not boot; measuring this run once more", file=sys.stderr)
    sys.exit(f"bench boot: a VMM did not boot {ATTEMPTS} times in a row")


def measure_in_lab(options):
    samples = {}
    for run in range(1, options.runs + 1):
        print(f"lab {run} of {options.runs}:", file=sys.stderr, flush=True)
        for name, sample in run_in_lab(options).items():
            samples.setdefault(name, []).append(sample)
    return report(samples)


def main():
    parser = figures.options_of(__doc__, runs=5, counted="boots of each VMM")
    parser.add_argument("--here", action="store_true", help="measure on this machine's own KVM")
    parser.add_argument("--peers-only", action="store_true", help="leave hive-vmm out")
    parser.add_argument("--q35-defaults", action="store_true",
                        help=f"add {Q35_DEFAULTS}: -M q35 with a display, a network card and the "
                        "other devices that QEMU adds unless told not to")
    parser.add_argument("--cmdline", metavar="WORDS", default="",
                        help="add WORDS to the kernel's command line, for every VMM")
    parser.add_argument("--wall", action="store_true",
                        help="in the lab, count time by the host's clock: exits then cost what they "
                        "cost the host, and a busy host spoils the figures")
    parser.add_argument("--samples", help=argparse.SUPPRESS)
    parser.add_argument("--in-namespace", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here and not options.in_namespace:
        os.execvp("unshare", ["unshare", "-m", *sys.argv, "--in-namespace"])
    result = measure_here(options) if options.here else measure_in_lab(options)
    figures.write(result, options.json)


if __name__ == "__main__":
    main()
