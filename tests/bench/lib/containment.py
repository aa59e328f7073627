"""Table 7.4 of the Hive paper: how many of the faults that campaigns have injected were contained, by
their records (docs/campaigns.md#records)."""
import glob
import json
import os
import sys

# (What a campaign's file calls it, what the paper does, its tests; it contained them all.)
PAPER_ROWS = [
    ("process-creation", "node failure during process creation", 20),
    ("cow-search", "node failure during copy-on-write search", 9),
    ("random-time", "node failure at a random time", 20),
    ("address-map", "corrupt pointer in a process address map", 8),
    ("cow-tree", "corrupt pointer in a copy-on-write tree", 12),
]
RATIO = "injections contained/injected"


def read_records(path):
    """The records of file PATH. A last line without an end, which a campaign is writing, does not count."""
    with open(path, encoding="utf-8") as lines:
        text = lines.read()
    records = []
    for number, line in enumerate(text.split("\n")[:-1], 1):
        try:
            record = json.loads(line)
            record["paper"], record["outcome"], record["before_fault"], record["earlier"], record["run"]
        except (ValueError, KeyError, TypeError):
            sys.exit(f"bench tables: {path}:{number}: this is no record of a campaign; remove the line, "
                     "or name other folders with --campaigns")
        records.append(record)
    return records


def count(records):
    """{row, or "" for all: (contained, injected)} of one campaign's RECORDS, as its report counts them."""
    # Harm that showed before a fault is an escape of the one before that, and no injection.
    late = {record["earlier"][-1] for record in records if record["before_fault"] and record["earlier"]}
    counts = {}
    for record in records:
        if record["before_fault"] or record["outcome"] == "refused":
            continue
        contained = record["outcome"] == "contained" and record["run"] not in late
        for row in {"", record["paper"]}:
            before = counts.get(row, (0, 0))
            counts[row] = (before[0] + contained, before[1] + 1)
    return counts


def read(folders):
    """{row, or "" for all: (contained, injected)} of the campaigns in FOLDERS; empty where none has records."""
    counts = {}
    for folder in folders:
        path = os.path.join(folder, "runs.jsonl")
        if not os.path.exists(path):
            sys.exit(f"bench tables: there is no {path}; name folders that hive campaign has written")
        for row, (contained, injected) in count(read_records(path)).items():
            before = counts.get(row, (0, 0))
            counts[row] = (before[0] + contained, before[1] + injected)
    return counts


def usual_folders(root):
    """Where `scripts/dev campaign` writes, as far as there are records."""
    return sorted(os.path.dirname(path) for path in glob.glob(f"{root}/build/campaign/*/runs.jsonl"))


def ratios(counts):
    """In the form of `--json FILE`: of all injections, and of each row of the table that there are any of."""
    rows = [("", RATIO)] + [(name, f"{RATIO}, {name}") for name, _, _ in PAPER_ROWS]
    return [{"name": name, "value": counts[row][0] / counts[row][1], "n": counts[row][1]}
            for row, name in rows if row in counts]


def print_table(counts, folders):
    print("\nTable 7.4: faults, contained of injected; the paper's")
    if not counts:
        print("no campaign has run: scripts/dev campaign lab; then this again")
        return
    for name, what, tests in PAPER_ROWS:
        contained, injected = counts.get(name, (0, 0))
        print(f"{what:44} {f'{contained}/{injected}':>14}   {tests}/{tests}")
    contained, injected = counts[""]
    print(f"{'all, those beside the table too':44} {f'{contained}/{injected}':>14}   69/69")
    print("from " + ", ".join(folders))
