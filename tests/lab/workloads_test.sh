#!/usr/bin/env bash
# lab: inside timeout=900
# The workloads over two stock cells come to what they come to in one, and so do survivors: of raytrace
# when the cell with the scene dies, while ocean ends with a word about the cell that did.
source "$(dirname "$0")/lib.sh"

cat >pair.yaml <<END
machine: pair
defaults: {memory: 128MiB, kernel: debian, initrd: $IMAGES/debian/workloads.cpio, agent: true, shared: 8MiB,
  on_failure: reboot}
cells: [{name: alpha}, {name: beta}]
END
hive up pair.yaml

# both COMMAND...: in each cell at a time; their outputs in out.alpha and out.beta.
both() {
  local cell
  for cell in alpha beta; do
    in_cell "$cell" "$@" >"out.$cell" 2>"err.$cell" &
    pids[$cell]=$!
  done
}
declare -A pids
# ended CELL: the exit status of the command there.
ended() {
  local status=0
  wait "${pids[$1]}" || status=$?
  echo "$1: status $status after $((SECONDS - started)) s: $(cat "out.$1" "err.$1")" >&2
  return "$status"
}
# same_as FILE: both cells' commands succeed, with that output.
same_as() {
  local cell
  for cell in alpha beta; do
    ended "$cell" || fail "the command fails in $cell"
    cmp "$1" "out.$cell" || fail "$cell has another result"
    [[ ! -s err.$cell ]] || fail "$cell complains"  # Of workers that have not come, for instance.
  done
}

step "ocean and raytrace, alone and over both cells"
for program in hive-ocean hive-raytrace; do
  in_cell alpha "$program" --alone --time | tee timed
  grep -v '^time:' timed >alone
  started=$SECONDS
  both "$program"
  same_as alone
done

step "pmake, alone and over both cells"
started=$SECONDS
in_cell alpha pmake --gather >alone
echo "alone: $((SECONDS - started)) s"
tail -n 2 alone
grep -q '^Lua 5.4' alone || fail "what was compiled does not run"
started=$SECONDS
both pmake --workers 2 --gather
ended beta || fail "pmake fails in beta"
ended alpha || fail "pmake fails in alpha"
cmp alone out.alpha || fail "pmake comes to something else over two cells"
[[ $(wc -l <out.beta) == 16 ]] || fail "beta has not compiled its share: $(<out.beta)"

step "ocean ends when a cell fails"
started=$SECONDS
both hive-ocean --size 128 --sweeps 1000000
sleep 5
kill -9 "$(field beta vmm_pid)"
if ended alpha; then fail "ocean has a result without beta's part of the grid"; fi
grep -q 'worker 1 (cell beta)' err.alpha || fail "it does not tell of beta"
ended beta && fail "beta's command has not ended with its cell"
await_state beta running 120

step "raytrace goes on without the scene and the counter"
in_cell beta hive-raytrace --alone --width 320 --height 240 --samples 3 --time | tee timed
grep -v '^time:' timed >alone
started=$SECONDS
both hive-raytrace --width 320 --height 240 --samples 3
sleep 5
kill -9 "$(field alpha vmm_pid)"
ended beta || fail "raytrace ends with alpha"
cmp alone out.beta || fail "the picture is another one"
ended alpha && fail "alpha's command has not ended with its cell: it was over before"
await_state alpha running 120
in_cell beta hivectl section list >sections
if grep raytrace sections; then fail "a section is left"; fi
