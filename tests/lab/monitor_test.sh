#!/usr/bin/env bash
# lab: inside timeout=600
# A cell's monitor is killed, and then stopped: the others agree that the cell has failed, go on with
# every byte that it has not written, start a monitor in place of that one, and take the cell back.
source "$(dirname "$0")/lib.sh"
source "$HIVE_ROOT/tests/lab/view.sh"

cat >monitors.yaml <<END
machine: monitors
defaults: {memory: 96MiB, kernel: debian, shared: 2MiB, on_failure: reboot}
witness: always
cells: [{name: a}, {name: b}, {name: c}]
END
hive up monitors.yaml

# sums CELL: of what it keeps in its own memory, and in global memory, but for the page that b writes.
sums() { in_cell "$1" sh -c 'sha256sum </tmp/own; hivectl read letters 4KiB 60KiB | sha256sum'; }

# write_to_a TEXT: b gets the right to write a page of a, and does.
write_to_a() {
  in_cell a hivectl grant letters b 0
  in_cell b sh -c "echo $1 | hivectl write a:letters 0"
  [[ $(in_cell a hivectl read letters 0 ${#1}) == "$1" ]] || fail "a does not read what b wrote"
}

# fail_and_return SIGNAL EPOCH INCARNATION: b's monitor gets SIGNAL; it is replaced, and b comes back.
fail_and_return() {
  local monitor vmm began=$SECONDS
  monitor=$(field b monitor_pid) vmm=$(field b vmm_pid)
  kill "-$1" "$monitor"
  await_view 150 "$2: a 1, b $3, c 1, witness 1" a c b
  printf '  in the view again after %d s\n' $((SECONDS - began))
  await_state b running 150
  printf '  up again after %d s\n' $((SECONDS - began))
  [[ ! -e /proc/$monitor && ! -e /proc/$vmm ]] || fail "the old monitor or VMM is still there"
  [[ $(in_cell b echo back) == back ]] || fail "b does not answer"
  [[ $(sums a) == "$sums_a" && $(sums c) == "$sums_c" ]] || fail "the memory of a or c has changed"
  [[ $(in_cell a sh -c 'hivectl read letters 0 4KiB | tr -d "\000" | wc -c') == 0 ]] ||
    fail "what b wrote in a was not discarded"
  [[ $(field a incarnation) == 1 && $(field c incarnation) == 1 ]] || fail "a or c was started anew"
}

step "memory that is to stay as it is"
for cell in a c; do
  in_cell "$cell" hivectl section create letters 64KiB
  in_cell "$cell" sh -c 'head -c 65536 /dev/urandom | hivectl write letters 0
                         head -c 200000 /dev/urandom >/tmp/own'
done
in_cell a sh -c 'head -c 4096 /dev/zero | hivectl write letters 0'
sums_a=$(sums a) sums_c=$(sums c)
write_to_a hello

step "b's monitor is killed"
fail_and_return KILL 3 2

step "b's monitor hangs"
write_to_a again
fail_and_return STOP 5 3
write_to_a 'once more'

step "the story, as it was told"
hive events --json monitors >events
python3 - <<'END' || fail "the story is another"
import json
events = [json.loads(line) for line in open("events")]
told = [(e["kind"], e["detail"]) for e in events if e["cell"] == "a"]
at = 0
for kind, text in [("alert", "about b"), ("view", "epoch 2: "), ("recovered", "epoch 2: "),
                   ("replaced", "b: "), ("view", "epoch 3: "), ("alert", "about b"),
                   ("view", "epoch 4: "), ("recovered", "epoch 4: "), ("replaced", "b: "),
                   ("view", "epoch 5: ")]:
    at = next(i for i in range(at, len(told)) if told[i][0] == kind and told[i][1].startswith(text))
    print("  a: %s: %s" % told[at])
END

step "down"
hive down
assert_no_processes
