"""Building ahead: what later tiers need is built in the time that the tests leave idle."""
import contextlib
import os
import shutil
import signal
import subprocess
import threading

from harness import LOGS, ROOT

# Runs a command when a CPU has nothing else to do; so runs all that it starts.
_YIELDING = ["chrt", "--idle", "0"]
_LIMIT = 30  # seconds until what does not heed an interruption is killed


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
        with open(self._log, "wb") as log:
            for command in self._commands:
                with self._lock:
                    if self._stopped:
                        return
                    # A process group, not a session: those may share the CPUs evenly, whatever is
                    # idle in them.
                    self._process = subprocess.Popen(
                        _YIELDING + command, cwd=ROOT, stdin=subprocess.DEVNULL,
                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, process_group=0)
                # Its output ends when all that it has started has ended, too.
                with self._process.stdout as output:
                    shutil.copyfileobj(output, log)
                self._process.wait()

    def _signal(self, number):
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def stop(self):
        with self._lock:
            self._stopped = True
            self._signal(signal.SIGTERM)
        self.join(_LIMIT)
        if self.is_alive():
            self._signal(signal.SIGKILL)
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
