#!/usr/bin/env bash
# lab: inside timeout=500
# Killing any one process loses at most its own cell, and leaves no orphan and no stale socket.
source "$(dirname "$0")/lib.sh"

cat >kill.yaml <<END
machine: kill
defaults: {memory: 96MiB, kernel: debian}
cells: [{name: a}, {name: b}]
END
hive up kill.yaml

field() {
  hive status --json | python3 -c '
import json, sys
for machine in json.load(sys.stdin)["machines"]:
    for cell in machine["cells"]:
        if cell["cell"] == sys.argv[1]:
            print(cell.get(sys.argv[2], ""))' "$1" "$2"
}

step "a VMM: its cell has failed, its neighbour runs on, a reboot brings it back"
kill -9 "$(field a vmm_pid)"
await_state a failed 120
[[ $(in_cell b echo alive) == alive ]] || fail "b does not answer"
hive reboot a
[[ $(in_cell a echo back) == back ]] || fail "a does not answer"

step "a monitor: its VMM ends with it, its neighbour runs on"
vmm=$(field a vmm_pid)
kill -9 "$(field a monitor_pid)"
for _ in $(seq 300); do
  [[ -d /proc/$vmm ]] || break
  sleep 0.2
done
[[ ! -d /proc/$vmm ]] || fail "the VMM of a killed monitor lives on"
[[ $(in_cell b echo alive) == alive ]] || fail "b does not answer"

step "the rest goes down cleanly"
hive down
assert_no_processes
left=$(find "$HIVE_RUNTIME_DIR" -type s)
[[ -z $left ]] || fail "sockets left: $left"
