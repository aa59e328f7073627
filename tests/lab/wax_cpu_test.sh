#!/usr/bin/env bash
# lab: inside timeout=400 tier=long
# Stock cells share one CPU: a busy one has what idle ones leave and gives it back, and Wax has cells
# that want more of it weigh more, for as long as they do.
source "$(dirname "$0")/lib.sh"

cat >wax.yaml <<END
machine: wax
faults: enabled
defaults: {memory: 128MiB, kernel: debian}
cells:
- {name: a}
- {name: b}
- {name: c}
- {name: wax, role: policy, policy: cpu}
END
hive up wax.yaml
for cell in a b c; do await_state "$cell" running 120; done

# spin CELL PROGRAM: it runs there until rest CELL.
spin() { in_cell "$1" sh -c "(sh -c '$2' >/dev/null 2>&1 & echo \$! >/tmp/spins)"; }
rest() { in_cell "$1" sh -c 'kill $(cat /tmp/spins)'; }
all='while :; do :; done'
# Wants an eighth of it: works for 40 ms, however much gets done in them, and sleeps for 300.
part='while :; do
  read up rest </proc/uptime; from=${up%.*}${up#*.}; now=$from
  while [ $((now - from)) -lt 4 ]; do read up rest </proc/uptime; now=${up%.*}${up#*.}; done
  sleep 0.3
done'

# shares SECONDS: of one CPU, in percent, that a, b and c have in that time.
shares() {
  python3 - "$1" $(field a vmm_pid) $(field b vmm_pid) $(field c vmm_pid) <<'END'
import glob, sys, time
def ran(pid):
    return sum(int(open(path).read().split()[0]) for path in glob.glob(f"/proc/{pid}/task/*/schedstat"))
pids = sys.argv[2:]
before, begun = [ran(pid) for pid in pids], time.monotonic_ns()
time.sleep(float(sys.argv[1]))
after, took = [ran(pid) for pid in pids], time.monotonic_ns() - begun
print(*(100 * (new - old) // took for old, new in zip(before, after)))
END
}
# weights: of a, b and c.
weights() {
  hive status --json | python3 -c '
import json, sys
cells = json.load(sys.stdin)["machines"][0]["cells"]
print(*(cell["cpu"]["weight"] for cell in cells if cell["cell"] != "wax"))'
}
# await_weights SECONDS CONDITION: of the words a, b and c.
await_weights() {
  local end=$((SECONDS + $1)) a b c
  until read -r a b c <<<"$(weights)" && (($2)); do
    ((SECONDS < end)) || fail "weights $a $b $c are not $2 after $1 s"
    sleep 0.5
  done
  echo "weights: $a $b $c"
}

step "a busy cell has what idle ones leave"
spin a "$all"
sleep 2
read -r a b c <<<"$(shares 10)"
echo "shares: $a $b $c %"
((a >= 70)) || fail "the only busy cell has $a % of a CPU"

step "and gives it back when they want it"
spin b "$all"
spin c "$all"
sleep 1
read -r a b c <<<"$(shares 10)"
echo "shares: $a $b $c %"
((a <= 45 && b >= 22 && c >= 22)) || fail "of three busy cells each should have a third"
await_weights 30 'a >= 100 && a <= 140 && b >= 100 && b <= 140 && c >= 100 && c <= 140'

step "a cell that wants more than others weighs more"
rest b
rest c
spin b "$part"
spin c "$part"
await_weights 60 'a > b + 30 && a > c + 30'
read -r a b c <<<"$(shares 10)"
echo "shares: $a $b $c %"
((a > b && a > c)) || fail "it has $a % of a CPU"
hive status | grep 'CPU weight' || fail "hive status does not tell of it"

step "until it does not"
rest a
rest b
rest c
await_weights 60 'a == 100 && b == 100 && c == 100'

step "without Wax all cells run on"
hive inject wax vmm-kill
sleep 1
spin a "$all"
spin b "$all"
read -r a b c <<<"$(shares 5)"
echo "shares: $a $b $c %"
((a >= 30 && b >= 30)) || fail "two busy cells should have half of a CPU each"

hive down
assert_no_processes
