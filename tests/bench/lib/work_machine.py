"""A machine of micro guests that work without an end and count what they have done, on this machine's
own KVM."""
import glob
import json
import mmap
import os
import pathlib
import struct
import subprocess
import sys
import time

from lib.micro_machine import BIN, LEAST_PART, PAGE

LIMIT = 60  # seconds


class WorkMachine:
    """Machine NAME of COUNT cells that work, with KEYS besides its cells and MORE cells."""

    def __init__(self, name, folder, count, keys=None, more=()):
        self.name = name
        self.environment = dict(os.environ, HIVE_RUNTIME_DIR=os.path.join(folder, "run"))
        cells = []
        for index in range(count):
            script = os.path.join(folder, f"c{index}")
            with open(script, "wb") as target:
                subprocess.run([f"{BIN}/metrics_guest", str(count), str(index), str(LEAST_PART)],
                               stdout=target, check=True)
            cells.append({"name": f"c{index}", "initrd": script})
        self._workers = [cell["name"] for cell in cells]
        self._counters = self._vmms = ()
        self._plan = os.path.join(folder, "plan.yaml")
        with open(self._plan, "w", encoding="ascii") as target:
            json.dump({"machine": name, "cells": cells + list(more), "defaults": {
                "memory": "16MiB", "shared": f"{LEAST_PART >> 10}KiB", "kernel": f"{BIN}/micro.elf",
                "agent": False}, **(keys or {})}, target)

    def __enter__(self):
        try:
            self.hive("up", "--detach", self._plan)
            deadline = time.monotonic() + LIMIT
            while any(cell["state"] != "running" for cell in self.status()):
                if time.monotonic() > deadline:
                    sys.exit(f"{self.name}: the machine does not come up")
                time.sleep(0.2)
            workers = [cell for cell in self.status() if cell["cell"] in self._workers]
            self._counters = [self._open_counter(cell) for cell in workers]
            self._vmms = [cell["vmm_pid"] for cell in workers]
        except BaseException:
            self._take_down()
            raise
        return self

    def __exit__(self, *_):
        self._take_down()

    def hive(self, *words):
        """What `hive` printed. Ends the program where it fails."""
        result = subprocess.run([f"{BIN}/hive", *words], stdin=subprocess.DEVNULL, check=False,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                env=self.environment)
        if result.returncode != 0:
            sys.exit(f"{self.name}: hive {' '.join(words)}: {result.stdout}")
        return result.stdout

    def status(self):
        """Of each cell, as `hive status --json` has it."""
        return json.loads(self.hive("status", self.name, "--json"))["machines"][0]["cells"]

    def done(self):
        """Pieces of work so far, of all cells together."""
        return sum(struct.unpack("<Q", counter[PAGE:PAGE + 8])[0] for counter in self._counters)

    def cpu_time(self):
        """Of the VMMs of the cells that work, so far, in seconds."""
        paths = [path for vmm in self._vmms for path in glob.glob(f"/proc/{vmm}/task/*/schedstat")]
        return sum(int(pathlib.Path(path).read_text(encoding="ascii").split()[0])
                   for path in paths) / 1e9

    @staticmethod
    def _open_counter(cell):
        folder = f"/proc/{cell['monitor_pid']}/fd"
        for entry in os.listdir(folder):
            path = os.path.join(folder, entry)
            if os.readlink(path) == f"/memfd:hive-global-{cell['cell']} (deleted)":
                with open(path, "rb", buffering=0) as file:
                    return mmap.mmap(file.fileno(), LEAST_PART, prot=mmap.PROT_READ)
        sys.exit(f"cell {cell['cell']} has no global memory")

    def _take_down(self):
        subprocess.run([f"{BIN}/hive", "down", self.name, "--force"], env=self.environment, check=False,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
