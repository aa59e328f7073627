# Shared by the scenarios of the lab tier that run inside the lab: source it.
# It gives a scratch folder as working directory, hive and its run folder, and takes down what runs
# when the scenario ends.

set -euo pipefail

HIVE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
IMAGES=${HIVE_IMAGES:-$HIVE_ROOT/build/images}
PATH="$HIVE_ROOT/build/release/bin:$PATH:/usr/sbin:/sbin"

scratch=$(mktemp -d)
export HIVE_RUNTIME_DIR=$scratch/run
mkdir -m 700 "$HIVE_RUNTIME_DIR"
cd "$scratch"

at_exit() {
  local status=$?
  hive down --force >/dev/null 2>&1 || true
  rm -rf "$scratch"
  exit "$status"
}
trap at_exit EXIT

step() { printf '== %s\n' "$*"; }

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  hive status >&2 || true
  hive events >&2 || true
  exit 1
}

# field CELL NAME: from hive status; nothing when there is no such cell.
field() {
  hive status --json | python3 -c '
import json, sys
for machine in json.load(sys.stdin)["machines"]:
    for cell in machine["cells"]:
        if cell["cell"] == sys.argv[1]:
            print(cell[sys.argv[2]])' "$1" "$2"
}

state() { field "$1" state; }

# await_ok SECONDS COMMAND...: tries COMMAND until it does well; fails when it has not by then.
await_ok() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < end)) || return 1
    sleep 0.5
  done
}

# await_state CELL STATE SECONDS
await_state() {
  local end=$((SECONDS + $3))
  while [[ $(state "$1") != "$2" ]]; do
    ((SECONDS < end)) || fail "cell $1 is \"$(state "$1")\", not $2, after $3 s"
    sleep 0.5
  done
}

# view CELL: its view as CELL knows it: "EPOCH: NAME INCARNATION, ...", and whether it suspends.
view() {
  hive status --json | python3 -c '
import json, sys
for cell in json.load(sys.stdin)["machines"][0]["cells"]:
    if cell["cell"] == sys.argv[1] and "view" in cell:
        view = cell["view"]
        members = ", ".join("%s %d" % (m["cell"], m["incarnation"]) for m in view["members"])
        print("%d: %s%s" % (view["epoch"], members, " (suspended)" if view["suspended"] else ""))' "$1"
}

# await_view SECONDS VIEW CELL...: all of them come to it.
await_view() {
  local end=$((SECONDS + $1)) wanted=$2 cell
  shift 2
  for cell in "$@"; do
    while [[ $(view "$cell") != "$wanted" ]]; do
      ((SECONDS < end)) || fail "the view of $cell is \"$(view "$cell")\", not \"$wanted\""
      sleep 0.5
    done
  done
}

# in_cell CELL COMMAND...: its output; fails when it fails.
in_cell() {
  local cell=$1
  shift
  hive exec "$cell" -- "$@" </dev/null
}

# hive-cellmon and hive-vmm; pgrep takes no longer a pattern.
processes() { pgrep -c '^hive-[cv]' || true; }

assert_no_processes() { (($(processes) == 0)) || fail "processes left: $(pgrep -l '^hive-' | tr '\n' ' ')"; }
