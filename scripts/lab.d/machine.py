"""One run of a command in the lab's machine: QEMU, the file server beside it, and their clean-up."""
import ctypes
import dataclasses
import os
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

import emulator

VIRTIOFSD = "/usr/lib/qemu/virtiofsd"
_CPU = "max,+svm,+npt,-xsave,-avx,-avx2,-fma,-f16c,-vaes,-vpclmulqdq,-erms,-fsrm"
_CMDLINE = (
    "console=ttyS0 quiet loglevel=5 panic=-1 oops=panic random.trust_cpu=on "
    "tsc=reliable no_timer_check lpj=4000000"
)
# The lab boots in about 4 seconds of processor time. On a busy host these may take minutes, which is
# no failure, so the time that QEMU really had decides; the other limit is for a lab that waits.
_BOOT_CPU_LIMIT = 60  # seconds
_BOOT_LIMIT = 1200  # seconds
_HEADER = struct.Struct("<cI")
# While a nested guest exits, the emulator can lose an interrupt of its processor, until the next one of
# any device brings it along. With the timer's lost the machine would stand still for good; an empty
# frame now and then is such a next one.
_NUDGE_PERIOD = 0.05  # seconds
_NUDGE = _HEADER.pack(b"N", 0)
_CHUNK = 4096  # the most that the relay takes in one frame
_PR_SET_PDEATHSIG = 1


@dataclasses.dataclass
class Job:
    """What to run and in which machine."""

    argv: list
    image: str  # folder that images/kernel made
    initrd: str
    memory: int = 3072  # MiB
    cpus: int = 1
    timeout: float = 600.0  # seconds from the start of the command
    icount: bool = False
    writable: list = dataclasses.field(default_factory=list)
    keep_log: str = ""


@dataclasses.dataclass
class Outcome:
    """How a run ended: kind is "exit", "timeout", "emulator" or "broken"."""

    kind: str
    status: int = 0
    detail: str = ""
    boot_seconds: float = 0.0
    seconds: float = 0.0


class Interrupted(Exception):
    """A signal asks the lab to end."""

    def __init__(self, number):
        super().__init__(signal.Signals(number).name)
        self.number = number


def _prepare_child():
    """Out of the terminal's reach, so that Ctrl-C ends this process first; never outliving it."""
    os.setpgid(0, 0)
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Machine:
    """Starts on entry, is gone with all that belongs to it on exit."""

    def __init__(self, job, output, errors):
        self.job = job
        self._outputs = {b"O": output, b"E": errors}
        self._folder = ""
        self._processes = []
        self._connection = None
        self._received = b""
        self._unsent = b""
        self._scanner = emulator.OutputScanner()
        self._input_open = True
        self._input_watched = False
        self._started = self._running_since = self._nudged = 0.0

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self._clean_up()
            raise
        return self

    def __exit__(self, *_):
        self._clean_up()

    # Start and end.

    def _path(self, name):
        return os.path.join(self._folder, name)

    def _write_job(self):
        def write(name, data):
            with open(self._path(name), "wb") as target:
                target.write(data)

        write("argv", b"".join(os.fsencode(word) + b"\0" for word in self.job.argv))
        write("environ", b"".join(k + b"=" + v + b"\0" for k, v in os.environb.items()))
        write("cwd", os.fsencode(os.getcwd()))
        write("modules", os.fsencode(os.path.realpath(os.path.join(self.job.image, "modules"))))
        write("writable", b"".join(os.fsencode(path) + b"\n" for path in self.job.writable))

    def _spawn(self, name, argv):
        with open(self._path(name + ".log"), "wb") as log:
            process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=_prepare_child,
            )
        self._processes.append(process)
        return process

    def _start_file_server(self):
        path = self._path("fs.sock")
        server = self._spawn(
            "virtiofsd",
            [VIRTIOFSD, "-f", f"--socket-path={path}", "-o",
             "source=/,cache=always,sandbox=chroot"],
        )
        for _ in range(1000):
            if os.path.exists(path):
                return
            if server.poll() is not None:
                break
            time.sleep(0.01)
        raise RuntimeError(f"virtiofsd did not start: {self._log('virtiofsd')}")

    def _qemu_argv(self):
        # Without XSAVE: TCG lets a nested guest's XSETBV through unseen, so KVM would report (and
        # switch) another extended state than the guest uses; and without AVX and its like, which need
        # XSAVE: kernels look for one of the two and then use both. Without ERMS and FSRM: they promise
        # fast byte-wise string instructions, but TCG takes an instruction's time for each byte.
        icount = ["-icount", "shift=2,sleep=off"] if self.job.icount else []
        return [
            "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
            "-no-reboot", "-accel", "tcg" + (",thread=single" if self.job.icount else ""), *icount,
            "-M", "q35,memory-backend=ram", "-m", f"{self.job.memory}M",
            "-object", f"memory-backend-memfd,id=ram,size={self.job.memory}M,share=on",
            "-cpu", _CPU, "-smp", str(self.job.cpus),
            "-kernel", os.path.join(self.job.image, "vmlinux"), "-initrd", self.job.initrd,
            "-append", f"{_CMDLINE} lab.job={self._folder}",
            "-serial", f"file:{self._path('console.log')}",
            "-chardev", f"socket,id=relay,path={self._path('relay.sock')}",
            "-device", "virtio-serial-pci", "-device", "virtserialport,chardev=relay,nr=1",
            "-chardev", f"socket,id=fs,path={self._path('fs.sock')}",
            "-device", "vhost-user-fs-pci,chardev=fs,tag=host",
        ]

    def _start(self):
        self._folder = tempfile.mkdtemp(prefix="hive-lab-")
        self._write_job()
        self._start_file_server()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self._path("relay.sock"))
            listener.listen(1)
            listener.settimeout(0.2)
            self._started = time.monotonic()
            qemu = self._spawn("qemu", self._qemu_argv())
            while self._connection is None:
                try:
                    self._connection, _ = listener.accept()
                except socket.timeout:
                    if qemu.poll() is not None:
                        raise RuntimeError(f"QEMU did not start: {self._log('qemu')}") from None
        self._connection.setblocking(False)

    def _clean_up(self):
        for process in reversed(self._processes):
            if process.poll() is None:
                process.kill()
            process.wait()
        if self._connection is not None:
            self._connection.close()
        if self._folder:
            if self.job.keep_log and os.path.exists(self._path("console.log")):
                shutil.copy(self._path("console.log"), self.job.keep_log)
            shutil.rmtree(self._folder, ignore_errors=True)

    def _log(self, name):
        try:
            with open(self._path(name + ".log"), encoding="utf-8", errors="replace") as log:
                return log.read().strip()
        except OSError:
            return ""

    # The run.

    def run(self, input_fd):
        """Carries input and output until the command has ended; the Outcome."""
        with selectors.PollSelector() as selector:
            selector.register(self._connection, selectors.EVENT_READ)
            # PollSelector, since poll() takes plain files as well, which epoll refuses.
            if input_fd < 0:
                self._close_input()
            outcome = None
            while outcome is None:
                outcome = self._step(selector, input_fd)
        now = time.monotonic()
        running_since = self._running_since or now
        outcome.boot_seconds = running_since - self._started
        outcome.seconds = now - running_since
        return outcome

    def _step(self, selector, input_fd):
        self._choose_events(selector, input_fd)
        for key, events in selector.select(timeout=_NUDGE_PERIOD):
            if key.fd == input_fd:
                self._take_input(input_fd)
            elif events & selectors.EVENT_WRITE:
                self._send()
            if key.fileobj is self._connection and events & selectors.EVENT_READ:
                outcome = self._receive()
                if outcome is not None:
                    return outcome
        self._nudge()
        return self._overdue()

    def _choose_events(self, selector, input_fd):
        """Reads input only while nothing waits to be sent."""
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._unsent else 0)
        selector.modify(self._connection, events)
        wanted = bool(self._running_since) and not self._unsent and self._input_open
        if wanted and not self._input_watched:
            selector.register(input_fd, selectors.EVENT_READ)
        elif self._input_watched and not wanted:
            selector.unregister(input_fd)
        self._input_watched = wanted

    def _take_input(self, input_fd):
        try:
            data = os.read(input_fd, 16 * _CHUNK)
        except OSError:
            data = b""
        for at in range(0, len(data), _CHUNK):
            piece = data[at : at + _CHUNK]
            self._unsent += _HEADER.pack(b"I", len(piece)) + piece
        if not data:
            self._close_input()

    def _close_input(self):
        self._unsent += _HEADER.pack(b"C", 0)
        self._input_open = False

    def _nudge(self):
        # Where time is instructions, nothing may come by the host's clock.
        now = time.monotonic()
        is_due = now - self._nudged >= _NUDGE_PERIOD and not self.job.icount
        if self._running_since and not self._unsent and is_due:
            self._nudged = now
            self._unsent = _NUDGE

    def _send(self):
        try:
            sent = self._connection.send(self._unsent)
        except ConnectionError:
            sent = len(self._unsent)  # What is there to read says how it ended.
        self._unsent = self._unsent[sent:]

    def _receive(self):
        try:
            data = self._connection.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            return self._ended_early()
        self._received += data
        while len(self._received) >= _HEADER.size:
            kind, size = _HEADER.unpack_from(self._received)
            end = _HEADER.size + size
            if len(self._received) < end:
                break
            payload, self._received = self._received[_HEADER.size : end], self._received[end:]
            outcome = self._take_frame(kind, payload)
            if outcome is not None:
                return outcome
        return None

    def _take_frame(self, kind, payload):
        if kind == b"R":
            self._running_since = time.monotonic()
        elif kind in self._outputs:
            self._scanner.feed(payload)
            _write_all(self._outputs[kind], payload)
        elif kind == b"X":
            return self._exited(struct.unpack("<i", payload)[0])
        return None

    # Verdicts.

    def _exited(self, status):
        if status != 0:
            self._scanner.feed(b"\n")
            finding = self._scanner.finding or emulator.kernel_fault(self._log("console"))
            if finding:
                return Outcome("emulator", status, finding)
        return Outcome("exit", status)

    def _ended_early(self):
        for process in self._processes:
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                continue
        console = self._log("console")
        fault = emulator.kernel_fault(console)
        if fault:
            return Outcome("emulator", detail=f"the lab's kernel failed: {fault}")
        qemu = self._processes[-1]
        if qemu.returncode is not None and qemu.returncode < 0:
            name = signal.Signals(-qemu.returncode).name
            return Outcome("emulator", detail=f"QEMU was ended by {name}: {self._log('qemu')}")
        reason = emulator.own_fault(console) or self._log("qemu") or "no reason on its console"
        return Outcome("broken", detail=f"the lab's machine went down: {reason}")

    def _overdue(self):
        now = time.monotonic()
        if not self._running_since:
            taken = _cpu_seconds(self._processes[-1].pid)
            if taken > _BOOT_CPU_LIMIT or now - self._started > _BOOT_LIMIT:
                end = (self._log("console").splitlines() or ["empty"])[-1]
                detail = f"the lab did not boot in {taken:.0f} s of processor time and " \
                         f"{now - self._started:.0f} s in all; the end of its console: {end}"
                return Outcome("emulator", detail=detail)
        elif now - self._running_since > self.job.timeout:
            return Outcome("timeout")
        return None


def _cpu_seconds(pid):
    """Processor time that process PID has had."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    utime, stime = int(fields[11]), int(fields[12])
    return (utime + stime) / os.sysconf("SC_CLK_TCK")


def _write_all(fd, data):
    while data:
        data = data[os.write(fd, data) :]
