"""Stock guests to measure with: the Debian kernel and the project's initramfs, with rpc_peer and a
few modules added, in QEMU or in a cell."""
import atexit
import os
import re
import select
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
IMAGE = os.path.join(os.environ.get("HIVE_IMAGES", os.path.join(ROOT, "build/images")), "debian")
PROGRAM = os.path.join(ROOT, "build/release/bin/rpc_peer")
KERNEL = os.path.join(IMAGE, "vmlinux")
RAM_MIB = 128
BOOT_LIMIT = 60  # seconds
GUEST_MODULES = ["virtio_net", "vfio_iommu_type1", "vfio-pci", "uio_pci_generic",
                 "vmw_vsock_virtio_transport"]


def module_files(names):
    """Paths of the modules of the image's kernel, each after those that it needs."""
    with open(os.path.join(IMAGE, "release"), encoding="ascii") as source:
        release = source.read().strip()
    files = []
    environment = dict(os.environ, PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    for name in names:
        lines = subprocess.run(
            ["modprobe", "-C", "/dev/null", "-d", os.path.join(IMAGE, "tree"), "-S", release,
             "--show-depends", name], check=True, stdout=subprocess.PIPE, text=True,
            env=environment).stdout.splitlines()
        files += [line.split()[1] for line in lines if line.split()[1] not in files]
    return files


def make_initrd(path):
    """The project's initramfs, and behind it one with /bench: rpc_peer and setup, which loads the
    modules."""
    def entry(number, name, mode, data=b""):
        fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
        head = b"070701" + b"".join(b"%08x" % field for field in fields) + name + b"\0"
        return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)

    with open(PROGRAM, "rb") as source:
        content = {b"bench/rpc_peer": source.read()}
    setup = "#!/bin/sh\n"
    for file in module_files(GUEST_MODULES):
        name = os.path.basename(file)
        with open(file, "rb") as source:
            content[b"bench/" + name.encode()] = source.read()
        options = " allow_unsafe_interrupts=1" if name == "vfio_iommu_type1.ko" else ""
        setup += f"insmod /bench/{name}{options} 2>/dev/null\n"
    content[b"bench/setup"] = (setup + "true\n").encode()
    with open(os.path.join(IMAGE, "initrd.cpio"), "rb") as source, open(path, "wb") as target:
        first = source.read()
        target.write(first + bytes(-len(first) % 512))
        target.write(entry(1, b"bench", 0o040755))
        for number, (name, data) in enumerate(content.items(), 2):
            target.write(entry(number, name, 0o100755, data))
        target.write(entry(0, b"TRAILER!!!", 0))


class QemuGuest:
    """A guest of QEMU; commands go to the shell on its serial console."""

    def __init__(self, name, initrd, options, cpu):
        self._name = name
        self._seen = b""
        self._process = subprocess.Popen(
            ["taskset", "-c", str(cpu), "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-accel",
             "kvm", "-M", "q35", "-cpu", "host", "-m", f"{RAM_MIB}M", "-serial", "stdio",
             "-no-reboot", "-kernel", KERNEL, "-initrd", initrd, "-append",
             "console=ttyS0 quiet panic=-1 intel_iommu=on", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        atexit.register(self._process.kill)

    def await_up(self):
        self._expect(rb"# ", BOOT_LIMIT)
        self._type("stty -echo; PS1=")
        self.run("/bench/setup", BOOT_LIMIT)

    def run(self, command, limit=30):
        """Its output. Ends the program where it fails."""
        self._type(f"{command}; echo end-of-command $?")
        output, status = self._expect(rb"(?s)(.*?)end-of-command (\d+)\r?\n", limit)
        text = output.decode("latin-1").replace("\r", "")
        if status != b"0":
            sys.exit(f"bench rpc: {self._name}: {command}: {text}")
        return text

    def close(self):
        self._process.kill()
        self._process.wait()

    def _type(self, line):
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def _expect(self, pattern, limit):
        deadline = time.monotonic() + limit
        while True:
            match = re.search(pattern, self._seen)
            if match:
                self._seen = self._seen[match.end():]
                return match.groups()
            left = max(deadline - time.monotonic(), 0)
            ready = select.select([self._process.stdout], [], [], left)[0]
            data = os.read(self._process.stdout.fileno(), 65536) if ready else b""
            if not data:
                sys.exit(f"{self._seen.decode('latin-1')}\nbench rpc: {self._name} "
                         f"{'ended' if ready else 'hangs'} before {pattern}")
            self._seen += data


class Cell:
    """A cell that runs; commands go through its agent."""

    def __init__(self, name):
        self._name = name

    def await_up(self):
        deadline = time.monotonic() + BOOT_LIMIT
        while self._exec("true", BOOT_LIMIT).returncode != 0:
            if time.monotonic() > deadline:
                sys.exit(f"bench rpc: cell {self._name} is not up")
            time.sleep(1)
        self.run("/bench/setup", BOOT_LIMIT)

    def run(self, command, limit=30):
        """Its output. Ends the program where it fails."""
        result = self._exec(command, limit)
        if result.returncode != 0:
            sys.exit(f"bench rpc: cell {self._name}: {command}: {result.stdout}")
        return result.stdout

    def _exec(self, command, limit):
        return subprocess.run(
            [f"{ROOT}/build/release/bin/hive", "exec", self._name, "--", "sh", "-c", command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=limit, check=False, text=True)
