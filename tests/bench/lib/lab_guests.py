"""Stock guests in the lab, in QEMU or in a cell, and commands that they run."""
import atexit
import os
import re
import select
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
IMAGE = os.path.join(os.environ.get("HIVE_IMAGES", os.path.join(ROOT, "build/images")), "debian")
HIVE = os.path.join(ROOT, "build/release/bin/hive")
KERNEL = os.path.join(IMAGE, "vmlinux")
BOOT_LIMIT = 60  # seconds


class QemuGuest:
    """A guest of QEMU; commands go to the shell on its serial console. HOST_CPUS, as taskset has them,
    are where it runs; SETUP is a command that it runs first."""

    def __init__(self, name, initrd, options, host_cpus, *, ram_mib, cmdline="", setup="true"):
        self._name = name
        self._setup = setup
        self._seen = b""
        self._process = subprocess.Popen(
            ["taskset", "-c", str(host_cpus), "qemu-system-x86_64", "-nodefaults", "-no-user-config",
             "-display", "none", "-accel", "kvm", "-M", "q35", "-cpu", "host", "-m", f"{ram_mib}M",
             "-serial", "stdio", "-no-reboot", "-kernel", KERNEL, "-initrd", initrd, "-append",
             f"console=ttyS0 quiet panic=-1 {cmdline}", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        atexit.register(self._process.kill)

    def await_up(self):
        self._expect(rb"# ", BOOT_LIMIT)
        self._type("stty -echo; PS1=")
        self.run(self._setup, BOOT_LIMIT)

    def run(self, command, limit=30):
        """Its output. Ends the program where it fails."""
        self._type(f"{command}; echo end-of-command $?")
        output, status = self._expect(rb"(?s)(.*?)end-of-command (\d+)\r?\n", limit)
        text = output.decode("latin-1").replace("\r", "")
        if status != b"0":
            sys.exit(f"bench: {self._name}: {command}: {text}")
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
                sys.exit(f"{self._seen.decode('latin-1')}\nbench: {self._name} "
                         f"{'ended' if ready else 'hangs'} before {pattern}")
            self._seen += data


class Cell:
    """A cell that runs; commands go through its agent. SETUP is one that it runs first."""

    def __init__(self, name, setup="true"):
        self.name = name
        self._setup = setup

    def await_up(self):
        deadline = time.monotonic() + BOOT_LIMIT
        while self._exec("true", BOOT_LIMIT).returncode != 0:
            if time.monotonic() > deadline:
                sys.exit(f"bench: cell {self.name} is not up")
            time.sleep(1)
        self.run(self._setup, BOOT_LIMIT)

    def run(self, command, limit=30):
        """Its output. Ends the program where it fails."""
        result = self._exec(command, limit)
        if result.returncode != 0:
            sys.exit(f"bench: cell {self.name}: {command}: {result.stdout}")
        return result.stdout

    def _exec(self, command, limit):
        return subprocess.run(self._words(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=limit, check=False, text=True)

    def start(self, command):
        """Starts COMMAND; its output is to be read from the process."""
        return subprocess.Popen(self._words(command), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def _words(self, command):
        return [HIVE, "exec", self.name, "--", "sh", "-c", command]
