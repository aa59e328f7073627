#!/usr/bin/env python3
"""Building ahead leaves the CPUs to the tests, and is over when they are."""
import shlex
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts/lib"))
import ahead  # pylint: disable=wrong-import-position

LIMIT = 30  # seconds


class Ahead(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.file = Path(self.folder.name) / "file"
        self.log = str(Path(self.folder.name) / "logs/ahead.log")

    def await_text(self):
        limit = time.monotonic() + LIMIT
        while not (self.file.exists() and self.file.read_text().endswith("\n")):
            self.assertLess(time.monotonic(), limit, "nothing was run")
            time.sleep(0.01)
        return self.file.read_text().split()

    def test_runs_commands_in_order_at_the_lowest_priority(self):
        tell = f"chrt --pid $$ | tr '\\n' ' ' >{self.file}; echo >>{self.file}"
        commands = [["false"], ["sh", "-c", tell]]
        with ahead.running(commands, self.log):
            self.assertIn("SCHED_IDLE", self.await_text())

    def test_interrupts_what_is_running_and_starts_nothing_more(self):
        late = Path(self.folder.name) / "late"
        grandchild = (f"trap 'sleep 0.2; echo gone >>{self.file}; exit' TERM; "
                      f"echo $$ >{self.file}; while :; do sleep 0.1; done")
        commands = [["sh", "-c", f"sh -c {shlex.quote(grandchild)}; :"], ["touch", str(late)]]
        with ahead.running(commands, self.log):
            self.await_text()
        self.assertIn("gone", self.await_text())
        self.assertFalse(late.exists())

    def test_is_over_at_once_without_commands(self):
        with ahead.running([], self.log):
            pass


if __name__ == "__main__":
    unittest.main()
