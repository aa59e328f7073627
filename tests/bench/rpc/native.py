#!/usr/bin/env python3
"""Usage: native.py ROUNDS

Round trips between two micro guests by shared memory and doorbells, on this machine's own KVM: in
cells and in QEMU with ivshmem-doorbell, alternating. Prints the samples of each figure as JSON.
"""
import json
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ivshmem_server import IvshmemServer  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
PROGRAM = os.path.join(ROOT, "build/release/bin/rpc_micro")
GUEST = os.path.join(ROOT, "build/release/bin/micro.elf")
RAM_MIB = 16
SHARED = 4 << 20


def rpc_micro(*words):
    result = subprocess.run([PROGRAM, *words], stdout=subprocess.PIPE, check=False)
    if result.returncode != 0:
        sys.exit(f"bench rpc: rpc_micro {words[0]}: exit status {result.returncode}")
    return result.stdout


def start_qemu(number, folder):
    script = os.path.join(folder, f"script{number}")
    with open(script, "wb") as target:
        target.write(rpc_micro("script", str(number)))
    ram = f"memory-backend-file,id=ram,share=on,size={RAM_MIB}M,mem-path={folder}/ram{number}"
    return subprocess.Popen([
        "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-accel", "kvm",
        "-M", "q35,memory-backend=ram", "-cpu", "host", "-m", f"{RAM_MIB}M", "-object", ram,
        "-kernel", GUEST, "-initrd", script, "-chardev", f"socket,id=peers,path={folder}/ivshmem",
        "-device", "ivshmem-doorbell,addr=5,vectors=1,chardev=peers"], stdin=subprocess.DEVNULL)


def measure_qemu():
    with tempfile.TemporaryDirectory() as folder:
        server = IvshmemServer(os.path.join(folder, "ivshmem"), SHARED)
        started = []
        try:
            for number in range(2):
                started.append(start_qemu(number, folder))
                server.accept()
            return json.loads(rpc_micro("results", os.path.join(folder, "ram0")))
        finally:
            for process in started:
                process.kill()
                process.wait()
            server.close()


def main():
    rounds, samples = int(sys.argv[1]), {}
    for number in range(1, rounds + 1):
        found = {"hive": json.loads(rpc_micro("hive")), "qemu ivshmem-doorbell": measure_qemu()}
        print(f"round {number} of {rounds}", file=sys.stderr, flush=True)
        for peer, kinds in found.items():
            for kind, times in kinds.items():
                samples.setdefault(f"{kind} micro {peer}, us", []).append(times["median"])
                samples.setdefault(f"{kind} micro {peer} p99, us", []).append(times["p99"])
    print(json.dumps(samples))


main()
