#!/usr/bin/env bash
# lab: inside timeout=900
# A short fault campaign on stock cells: all that is injected is contained, what survivors print is what it
# was without faults, and a campaign that is cut off goes on.
source "$(dirname "$0")/lib.sh"

cat >machine.yaml <<END
machine: short
faults: enabled
defaults: {memory: 96MiB, kernel: debian, shared: 2MiB, on_failure: reboot}
cells: [{name: a}, {name: b}, {name: c}]
END
cat >campaign.yaml <<END
campaign: short
machine: machine.yaml
runs: 4
seed: 2
parallel: 1
keep: 3
delay: 1s
settle: 2s
limit: 150s
workload:
  exec:
    prepare: mkdir -p /tmp/w; seq 1 20000 >/tmp/w/all
    work: for n in 1 2 3; do sort -r /tmp/w/all | sha256sum; done
    check: sha256sum </tmp/w/all; seq 1 3000 | sort -r | sha256sum
faults:
  - {fault: vmm-kill, weight: 3, paper: process-creation, meanwhile: while :; do /bin/true; done}
  - {fault: monitor-kill, weight: 2}
  - {fault: false-accusation, parameters: {cell: any}}
END

step "two runs"
hive campaign campaign.yaml --out out --runs 2
step "two more"
hive campaign campaign.yaml --out out
assert_no_processes

step "what came of them"
cat out/runs.jsonl
python3 - <<'END' || fail "not all was contained"
import json
records = [json.loads(line) for line in open("out/runs.jsonl")]
assert sorted(record["run"] for record in records) == [0, 1, 2, 3], records
assert all(record["outcome"] == "contained" for record in records), records
killed = [record for record in records if record["fault"] != "false-accusation"]
assert killed and all("rejoin" in record["times_us"] for record in killed), records
END
grep -q '4 faults were injected. None escaped' out/report.md || fail "the report says otherwise"
for cell in a b c; do
  [[ -s out/reference/$cell.work && -s out/reference/$cell.check ]] || fail "$cell has no reference copies"
done

step "what a command prints that is another one's output is an escape"
echo other | tee out/reference/a.check >out/reference/b.check  # One of them survives.
rm out/runs.jsonl
if hive campaign campaign.yaml --out out --runs 1; then fail "it has not noticed"; fi
grep -q '"outcome":"escaped"' out/runs.jsonl || fail "the record says otherwise: $(<out/runs.jsonl)"
assert_no_processes
