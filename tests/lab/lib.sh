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

# state CELL: its state, or nothing when there is no such cell.
state() {
  hive status --json | python3 -c '
import json, sys
for machine in json.load(sys.stdin)["machines"]:
    for cell in machine["cells"]:
        if cell["cell"] == sys.argv[1]:
            print(cell["state"])' "$1"
}

# await_state CELL STATE SECONDS
await_state() {
  local end=$((SECONDS + $3))
  while [[ $(state "$1") != "$2" ]]; do
    ((SECONDS < end)) || fail "cell $1 is \"$(state "$1")\", not $2, after $3 s"
    sleep 0.5
  done
}

# in_cell CELL COMMAND...: its output; fails when it fails.
in_cell() {
  local cell=$1
  shift
  hive exec "$cell" -- "$@" </dev/null
}

processes() { pgrep -c '^hive-(cellmon|vmm)' || true; }

assert_no_processes() { (($(processes) == 0)) || fail "processes left: $(pgrep -l '^hive-' | tr '\n' ' ')"; }
