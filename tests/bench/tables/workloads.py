"""Table 7.2's workloads: how long one takes in a guest of QEMU without any of Hive, and over cells."""
import re
import sys

LIMIT = 300  # seconds of one run
GO = "go"  # A section of the first cell: its first word says which run has begun.
UPTIME = "cut -d' ' -f1 /proc/uptime"
TIMES = re.compile(r"^time ([0-9.]+)\r?$", re.M)


def commands(scale):
    """{workload: (what one guest with CPUS runs, what each of N cells runs)}; both take SCALE as long."""
    ocean = f"hive-ocean --size 512 --sweeps {max(round(50 * scale), 1)}"
    raytrace = f"hive-raytrace --width {max(round(320 * scale), 16)} --height 240 --samples 2"
    pmake = f"pmake --gather --rounds {max(round(scale), 1)}"
    return {
        "pmake": (lambda cpus: f"{pmake} --jobs {cpus}",
                  lambda cells, run: f"{pmake} --workers {cells} --run {run} --timeout 120"),
        "ocean": (lambda cpus: f"{ocean} --alone --workers {cpus}",
                  lambda cells, run: f"{ocean} --workers {cells}"),
        "raytrace": (lambda cpus: f"{raytrace} --alone --workers {cpus}",
                     lambda cells, run: f"{raytrace} --workers {cells}"),
    }


def timed(command):
    """COMMAND, between two lines that tell when it began and when it ended."""
    return f'echo "time $({UPTIME})"; {command} && echo "time $({UPTIME})"'


def parse(output, who):
    """Seconds, and what the command printed."""
    times = [float(each) for each in TIMES.findall(output)]
    if len(times) != 2:
        sys.exit(f"bench tables: {who}: {output}")
    return times[1] - times[0], TIMES.sub("", output).strip()


def run_in_guest(guest, command):
    """Seconds, and the output, of COMMAND in a guest of QEMU."""
    return parse(guest.run(timed(command), LIMIT), "the guest")


class Cells:
    """The cells of a machine, which begin each run at one time."""

    def __init__(self, cells):
        self.cells = cells
        self._runs = 0
        cells[0].run(f"hivectl section create {GO} 4KiB")

    def run(self, make_command):
        """Runs what MAKE_COMMAND(cells, run) says, in all cells at a time. The seconds that the last
        one took, and the first one's output."""
        self._runs += 1
        command = make_command(len(self.cells), self._runs)
        # Who is ready waits for the word; the first cell's own is not looked up in the others.
        wait = f"hivectl wait {GO} 0 {self._runs - 1} --for {LIMIT} >/dev/null"
        started = [cell.start(f"echo ready; {wait}; {timed(command)}") for cell in self.cells]
        for process in started:
            if process.stdout.readline().strip() != "ready":
                sys.exit(f"bench tables: a cell does not run commands: {process.stdout.read()}")
        word = "".join(f"\\{byte:03o}" for byte in self._runs.to_bytes(4, "little"))
        self.cells[0].run(f"sleep 1; printf '{word}' | hivectl write :{GO} 0 && hivectl wake :{GO} 0")
        outcomes = []
        for process, cell in zip(started, self.cells):
            output, _ = process.communicate(timeout=LIMIT)
            outcomes.append(parse(output, cell.name))
        return max(seconds for seconds, _ in outcomes), outcomes[0][1]
