"""A machine of micro guests that are at rest, on this machine's own KVM, one cell of which may write
all of the other cells' global memory, and writes some of it."""
import json
import mmap
import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BIN = os.path.join(ROOT, "build/release/bin")
NAME = "bench-recovery"
LIMIT = 300  # seconds
FILL = b"\xa5" * (1 << 20)
PAGE = 4096
LEAST_PART = 2 << 20  # That a cell can contribute.
GO, DONE = (1).to_bytes(4, "little"), (2).to_bytes(4, "little")  # See recovery/guest.cpp.


class Machine:
    """CELLS cells, each with its part of SHARED bytes; the last is the one that will fail, and writes
    WRITTEN bytes of each of the others'."""

    def __init__(self, folder, cells, shared, written, discard):
        self._environment = dict(os.environ, HIVE_RUNTIME_DIR=os.path.join(folder, "run"))
        self.cells = [f"c{number}" for number in range(cells)]
        self.victim = self.cells[-1]
        self._part = max(shared // cells, LEAST_PART)
        idle = self._make_script(folder, "idle")
        writer = self._make_script(folder, "writer", cells - 1, self._part, written)
        plan = os.path.join(folder, "plan.yaml")
        with open(plan, "w", encoding="ascii") as target:
            json.dump({"machine": NAME, "defaults": {
                "memory": "16MiB", "shared": f"{self._part >> 10}KiB", "kernel": f"{BIN}/micro.elf",
                "initrd": idle, "agent": False},
                "firewall": {"discard": discard},
                "cells": [{"name": name} for name in self.cells[:-1]] +
                [{"name": self.victim, "initrd": writer}]}, target)
        self._plan = plan

    def __enter__(self):
        try:
            self.hive("up", "--detach", self._plan)
            self._await_running()
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
                                env=self._environment)
        if result.returncode != 0:
            sys.exit(f"bench recovery: hive {' '.join(words)}: {result.stdout}")
        return result.stdout

    def status(self):
        return {cell["cell"]: cell
                for cell in json.loads(self.hive("status", NAME, "--json"))["machines"][0]["cells"]}

    def events(self):
        return [json.loads(line) for line in self.hive("events", NAME, "--json").splitlines()]

    def let_victim_write(self):
        """Fills all homes' memory, and lets the victim write it, which does so."""
        homes = self.status()
        for name, status in homes.items():
            with self._memory(name, status["monitor_pid"]) as memory:
                for start in range(2 * PAGE, self._part, len(FILL)):
                    memory[start:start + len(FILL)] = FILL[:self._part - start]
            if name != self.victim:
                self.hive("firewall", "grant", f"{NAME}/{name}", self.victim, "all")
        first = self.cells[0]
        with self._memory(first, homes[first]["monitor_pid"]) as memory:
            memory[PAGE:PAGE + len(GO)] = GO
            self._await(lambda: memory[PAGE:PAGE + len(DONE)] == DONE, "the victim does not write")

    def _take_down(self):
        subprocess.run([f"{BIN}/hive", "down", NAME, "--force"], env=self._environment, check=False,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _await_running(self):
        self._await(lambda: all(cell["state"] == "running" for cell in self.status().values()),
                    "the machine does not come up")

    @staticmethod
    def _await(holds, fault):
        deadline = time.monotonic() + LIMIT
        while not holds():
            if time.monotonic() > deadline:
                sys.exit(f"bench recovery: {fault}")
            time.sleep(0.2)

    @staticmethod
    def _make_script(folder, *words):
        path = os.path.join(folder, words[0])
        with open(path, "wb") as target:
            subprocess.run([f"{BIN}/recovery_guest", *map(str, words)], stdout=target, check=True)
        return path

    def _memory(self, name, monitor):
        """The contribution of NAME, by the file that its MONITOR has open."""
        folder = f"/proc/{monitor}/fd"
        for entry in os.listdir(folder):
            path = os.path.join(folder, entry)
            if os.readlink(path) == f"/memfd:hive-global-{name} (deleted)":
                with open(path, "r+b", buffering=0) as file:
                    return mmap.mmap(file.fileno(), self._part)
        sys.exit(f"bench recovery: cell {name} has no global memory")
