#!/usr/bin/env bash
# lab: inside timeout=550
# Each way in which a guest ends is reported as what it is: power-off, reboot, panic, triple fault.
source "$(dirname "$0")/lib.sh"

cat >ends.yaml <<END
machine: ends
defaults: {memory: 96MiB, kernel: debian}
cells: [{name: a}, {name: b}]
END
hive up ends.yaml

step "power-off by the guest: the cell is off, its neighbour runs on"
in_cell a sh -c '(sleep 1; poweroff -f) >/dev/null 2>&1 &'
await_state a off 120
[[ $(state b) == running ]] || fail "b is $(state b)"

step "hive reboot starts it again, as a new incarnation"
hive reboot a
[[ $(state a) == running ]] || fail "a is $(state a)"
hive status --json | grep -q '"incarnation":2' || fail "no second incarnation"

step "reboot by the guest"
first=$(in_cell a cat /proc/sys/kernel/random/boot_id)
in_cell a sh -c '(sleep 1; reboot -f) >/dev/null 2>&1 &'
for _ in $(seq 120); do
  again=$(in_cell a cat /proc/sys/kernel/random/boot_id 2>/dev/null || true)
  [[ -n $again && $again != "$first" ]] && break
  sleep 0.5
done
[[ -n $again && $again != "$first" ]] || fail "a did not come back from its reboot"
await_state a running 120

step "panic"
in_cell a sh -c '(sleep 1; echo c >/proc/sysrq-trigger) >/dev/null 2>&1 &'
await_state a panicked 120
[[ $(state b) == running ]] || fail "b is $(state b)"

step "down, with one cell panicked"
hive down
assert_no_processes
[[ -z $(ls -A "$HIVE_RUNTIME_DIR") ]] || ls -lR "$HIVE_RUNTIME_DIR"
