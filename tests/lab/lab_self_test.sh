#!/usr/bin/env bash
# lab: host
# The lab itself: exit status, output, input, time limit, isolation and clean-up.

set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
lab=$root/scripts/lab
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export TMPDIR=$scratch # where the lab keeps its own folder

fail() {
  echo "FAILED: $*" >&2
  exit 1
}
# expect STATUS WHAT: the status of what has just run.
expect() { [[ $1 == "$2" ]] || fail "$3: exit status $1, not $2"; }
processes_of() { pgrep -f "$scratch/hive-lab" | tr '\n' ' ' || true; }
assert_clean() {
  for _ in $(seq 300); do
    [[ -n $(processes_of) ]] || break
    sleep 0.2
  done
  [[ -z $(processes_of) ]] || fail "$1 leaves processes: $(processes_of)"
  [[ -z $(find "$scratch" -name 'hive-lab-*') ]] || fail "$1 leaves files"
}

echo "== hardware KVM, the same tree, folder and environment"
cd "$root/docs"
answer=$(WORD=through "$lab" sh -c 'test -c /dev/kvm && cat /sys/module/kvm_amd/parameters/npt && pwd &&
  echo $WORD && id -u && uname -r' </dev/null)
[[ $answer == "Y
$root/docs
through
0
$(<"$root/build/images/debian/release")" ]] || fail "the lab said: $answer"
assert_clean "a command"

echo "== exit status, output apart from error output, changes that do not reach the host"
status=0
"$lab" sh -c "echo out; echo err >&2; touch $scratch/changed; exit 7" \
  </dev/null >"$scratch/out" 2>"$scratch/err" || status=$?
expect "$status" 7 "exit 7"
[[ $(<"$scratch/out") == out ]] || fail "output: $(<"$scratch/out")"
grep -qx err "$scratch/err" || fail "error output: $(<"$scratch/err")"
grep -q '^lab: exit status 7 after .* emulator failures: 0' "$scratch/err" || fail "no summary line"
[[ ! -e $scratch/changed ]] || fail "a file written in the lab is on the host"

echo "== bytes in and out, unchanged; a folder to bring results back"
head -c 1000000 /dev/urandom >"$scratch/bytes"
mkdir "$scratch/results"
"$lab" --writable "$scratch/results" sh -c "tee $scratch/results/copy" \
  <"$scratch/bytes" >"$scratch/out"
cmp "$scratch/bytes" "$scratch/out" || fail "bytes changed on their way"
cmp "$scratch/bytes" "$scratch/results/copy" || fail "bytes changed in the writable folder"

echo "== a time limit"
status=0
"$lab" --timeout 2 sleep 1000 </dev/null 2>"$scratch/err" || status=$?
expect "$status" 124 "a command out of time"
grep -q 'did not end in 2 s' "$scratch/err" || fail "no word about the time limit"
assert_clean "a command out of time"

echo "== a command that is killed, one that is not there"
status=0
"$lab" sh -c 'kill -9 $$' </dev/null || status=$?
expect "$status" 137 "kill -9"
status=0
"$lab" no-such-command </dev/null 2>/dev/null || status=$?
expect "$status" 127 "no such command"

echo "== a fault of the lab's kernel is told as the emulator's, tried once more, and not hidden"
status=0
"$lab" sh -c 'echo c >/proc/sysrq-trigger' </dev/null 2>"$scratch/err" || status=$?
expect "$status" 125 "a kernel panic"
[[ $(grep -c '^lab: emulator failure: .*sysrq triggered crash' "$scratch/err") == 2 ]] ||
  fail "a panic was told so: $(<"$scratch/err")"
assert_clean "a kernel panic"

echo "== ended by a signal"
for signal in TERM INT; do
  # Background jobs of a script ignore SIGINT unless told otherwise.
  python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
os.execv(sys.argv[1], sys.argv[1:])' "$lab" sleep 1000 </dev/null 2>/dev/null &
  runner=$!
  for _ in $(seq 60); do
    sleep 1
    [[ -z $(processes_of) ]] || break
  done
  [[ -n $(processes_of) ]] || fail "the lab is not running after a minute"
  sleep 4
  kill -"$signal" "$runner"
  status=0
  wait "$runner" || status=$?
  expect "$status" $((128 + $(kill -l "$signal"))) "SIG$signal"
  assert_clean "SIG$signal"
done
echo "the lab does what it should"
