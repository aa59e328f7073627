"""Building ahead: what later tiers need is built in the time that the tests leave idle."""
import contextlib
import os
import shutil
import signal
import subprocess
import threading

from harness import LOGS, ROOT


def _yield_cpus():
    """Has this process run when a CPU has nothing else to do; so do all that it starts."""
    os.setpgrp()  # Not a session: those may share the CPUs evenly, whatever is idle in them.
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


class _Work(threading.Thread):
    """Commands, one after the other, until they are done or it is stopped."""

    def __init__(self, commands, log):
        super().__init__(daemon=True)
        self._commands = commands
        self._log = log
        self._lock = threading.Lock()
        self._process = None
        self._stopped = False

    def run(self):
        with open(self._log, "ab") as log:
            for command in self._commands:
                with self._lock:
                    if self._stopped:
                        return
                    self._process = subprocess.Popen(
                        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                        stderr=subprocess.STDOUT, preexec_fn=_yield_cpus)
                # Its output ends when all that it has started has ended, too.
                with self._process.stdout as output:
                    shutil.copyfileobj(output, log)
                self._process.wait()

    def stop(self):
        with self._lock:
            self._stopped = True
            if self._process and self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGTERM)
        self.join()


@contextlib.contextmanager
def running(commands, log=os.path.join(LOGS, "ahead.log")):
    """While it lasts, COMMANDS run one after the other, whenever a CPU has nothing else to do.

    They are interrupted at its end, wherever they are, and have to bear that, as Ninja does. How they
    end is not looked at: who needs their results runs them again.
    """
    os.makedirs(os.path.dirname(log), exist_ok=True)
    work = _Work(commands, log)
    work.start()
    try:
        yield
    finally:
        work.stop()
