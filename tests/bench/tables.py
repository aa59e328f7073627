#!/usr/bin/env python3
"""Bench "tables": what Hive costs parallel programs, and operations across cells: Tables 7.2 and 7.3 of
the Hive paper, beside its figures; and what campaigns have shown of Table 7.4.

Table 7.2: pmake, ocean and raytrace (docs/workloads.md) in one guest of Debian's QEMU, in which nothing
of Hive runs, with all of the lab's CPUs; then the same work divided over 1, 2 and 4 cells. Table 7.3:
operations of a guest's program within its cell, and on another cell's memory. Table 7.4 is read from the
records that campaigns have left (scripts/dev campaign).

All runs in one lab, one after the other: an emulated machine whose CPU the cells share, as one guest
has it alone. So dividing work makes nothing faster; what cells need longer is what Hive costs, and
what it costs one CPU to run several kernels. Times are those of a host that emulates everything: ratios
mean something, and times do not.
"""
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
from lib import containment, figures  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LAB_LIMIT = 3000
MOST_RUNS = 16  # That table_operations has pages for.
MOST_CELLS = 8
WORKLOADS = ["ocean", "raytrace", "pmake"]
# The paper's, as the project's references recall them. Slowdown by cells, in percent.
PAPER_SLOWDOWN = {"ocean": {1: 1, 2: 1, 4: -1}, "raytrace": {1: 0, 2: 0, 4: 1},
                  "pmake": {1: 1, 2: 10, 4: 11}}
# Ours: (what the paper measured that comes closest, its local us, its remote us).
PAPER_OPERATIONS = {
    "careful read of a clock": ("careful reference of a clock", None, 1.16),
    "read 4 MiB": ("4 MB file read", 65000, 76200),
    "write 4 MiB": ("4 MB file write", 83700, 87300),
    "first read of a page": ("page fault in the page cache", 6.9, 50.7),
    "open and close a section": ("open of a file", 148, 580),
    "null RPC": ("null RPC", None, 7.2),
}


def parse_options():
    parser = figures.options_of(__doc__, runs=3, counted="runs of each")
    parser.add_argument("--cells", default="1,2,4", metavar="N[,N...]",
                        help="over how many cells, one machine after the other (default: 1,2,4)")
    parser.add_argument("--scale", type=float, default=1,
                        help="how much longer than usual the workloads are (default: 1)")
    parser.add_argument("--cpus", type=int, default=1, help="of the lab (default: 1; see docs/lab.md)")
    parser.add_argument("--campaigns", nargs="*", metavar="FOLDER",
                        help="whose records Table 7.4 is of (default: all in build/campaign)")
    options = parser.parse_args()
    counts = options.cells.split(",")
    if not all(each.isdigit() and 1 <= int(each) <= MOST_CELLS for each in counts):
        parser.error(f"--cells takes numbers from 1 to {MOST_CELLS}, such as 1,2,4")
    if not 1 <= options.runs <= MOST_RUNS:
        parser.error(f"--runs is 1 to {MOST_RUNS}")
    if not 0.01 <= options.scale <= 10:
        parser.error("--scale is 0.01 to 10")
    return options


def measure(options):
    """{figure: [a sample of each run]}, and whether they are complete."""
    if subprocess.run([f"{ROOT}/images/workloads"], check=False, stdout=sys.stderr).returncode != 0:
        sys.exit("bench tables: there is no initramfs with the workloads")
    command = [f"{ROOT}/scripts/lab", "--cpus", str(options.cpus), "--timeout", str(LAB_LIMIT),
               f"{ROOT}/tests/bench/tables/lab.py", str(options.runs), str(options.scale), options.cells]
    result = subprocess.run(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False,
                            text=True)
    samples = {}
    for line in result.stdout[:result.stdout.rfind("\n") + 1].splitlines():
        for name, value in json.loads(line).items():
            samples.setdefault(name, []).append(value)
    return samples, result.returncode == 0


def label(count):
    return f"{count} cell" + ("s" if count > 1 else "")


def operations_of(samples):
    """Names of the operations that were measured across cells, in order."""
    return [name[:-len(" remote, us")] for name in samples if name.endswith(" remote, us")]


def ratios_of(samples, counts):
    wanted = [(f"{work} {label(count)}/1 guest", f"{work} {label(count)}, s", f"{work} 1 guest, s")
              for work in WORKLOADS for count in counts]
    wanted += [(f"{name} remote/local", f"{name} remote, us", f"{name} local, us")
               for name in operations_of(samples)]
    return [each for each in wanted if each[1] in samples and each[2] in samples]


def as_text(value, form):
    return "-" if value is None else format(value, form)


def print_workloads(result, counts, cpus):
    values = {each["name"]: each["value"] for each in result["figures"]}
    ratios = {each["name"]: each["value"] for each in result["ratios"]}
    print(f"\nTable 7.2: slowdown against one guest, percent (the paper's in brackets). The lab has {cpus} "
          f"emulated CPU{'s' if cpus > 1 else ''}, which all cells share.")
    print(f"{'workload':10} {'1 guest, s':>12}" + "".join(f"{label(count):>18}" for count in counts))
    for work in WORKLOADS:
        cells = []
        for count in counts:
            ratio = ratios.get(f"{work} {label(count)}/1 guest")
            paper = as_text(PAPER_SLOWDOWN[work].get(count), "+d")
            cells.append(f"{as_text(None if ratio is None else 100 * (ratio - 1), '+.0f')} ({paper})")
        print(f"{work:10} {as_text(values.get(f'{work} 1 guest, s'), '12.2f'):>12}"
              + "".join(f"{each:>18}" for each in cells))


def print_operations(result, names):
    values = {each["name"]: each["value"] for each in result["figures"]}
    print("\nTable 7.3: operations, us; the paper's that comes closest")
    print(f"{'operation':28} {'local':>10} {'remote':>10} {'ratio':>7}   the paper's")
    locals_only = [name[:-len(" local, us")] for name in values if name.endswith(" local, us")]
    for name in [*names, *(each for each in locals_only if each not in names)]:
        local, remote = values.get(f"{name} local, us"), values.get(f"{name} remote, us")
        ratio = remote / local if local and remote else None
        line = f"{name:28} {as_text(local, '10.1f'):>10} {as_text(remote, '10.1f'):>10} " \
               f"{as_text(ratio, '7.2f'):>7}"
        if name in PAPER_OPERATIONS:
            what, near, far = PAPER_OPERATIONS[name]
            times = f", {far / near:.2f} times" if near else ""
            line += f"   {what}: {as_text(near, 'g')} -> {as_text(far, 'g')}{times}"
        print(line)


def main():
    options = parse_options()
    counts = [int(each) for each in options.cells.split(",")]
    folders = containment.usual_folders(ROOT) if options.campaigns is None else options.campaigns
    contained = containment.read(folders)
    samples, complete = measure(options)
    result = figures.report("tables", samples, ratios_of(samples, counts))
    result["ratios"] += containment.ratios(contained)
    figures.write(result, options.json)
    print_workloads(result, counts, options.cpus)
    print_operations(result, operations_of(samples))
    containment.print_table(contained, folders)
    if not complete:
        sys.exit("bench tables: not all could be measured")


if __name__ == "__main__":
    main()
