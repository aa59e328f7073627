#!/usr/bin/env bash
# lab: inside timeout=2400 tier=long
# Wax is killed a hundred times while stock cells work, lend each other memory and fail: each time the
# next incarnation does its rounds, and no cell computes a wrong byte.
source "$(dirname "$0")/lib.sh"

readonly kills=100 each=10 # A cell fails with each tenth.

cat >wax.yaml <<END
machine: wax
faults: enabled
defaults: {memory: 144MiB, max_memory: 224MiB, reserve: 96MiB, kernel: debian, on_failure: reboot}
cells:
- {name: a}
- {name: b}
- {name: c}
- {name: wax, role: policy, policy: balance}
END
hive up wax.yaml
for cell in a b c; do await_state "$cell" running 120; done

# Makes so much anew and keeps it in memory, and checks the end of it; counts the sums that are right
# and those that are not. It rests between them, as the lab's one CPU is also who starts the next Wax.
# Arguments: bytes, sum.
work='right=0 wrong=0
while :; do
  yes hive | head -c $1 >/tmp/held
  if [ "$(tail -c 1000000 /tmp/held | sha256sum)" = "$2" ]; then right=$((right + 1)); else wrong=$((wrong + 1)); fi
  rm /tmp/held
  sleep 2
  echo $right $wrong >/tmp/next
  mv /tmp/next /tmp/done
done'
sum=$({ yes hive || true; } | head -c 1000000 | sha256sum)
declare -A bytes=([a]=40000000 [b]=1000000 [c]=1000000)

begin() {
  in_cell "$1" sh -c 'echo "$1" >/tmp/work; echo 0 0 >/tmp/done; (sh /tmp/work "$2" "$3" >/dev/null 2>&1 &)' \
    sh "$work" "${bytes[$1]}" "$sum"
}
# right CELL: how many were, since it began; fails where one was not.
right() {
  local counts good bad
  counts=$(in_cell "$1" cat /tmp/done) || fail "$1 does not answer"
  read -r good bad <<<"$counts"
  ((bad == 0)) || fail "$1 came to $bad wrong sums"
  echo "$good"
}
# await_more CELL: it gets on.
await_more() {
  local end=$((SECONDS + 120)) before now
  now=$(right "$1")
  before=$now
  until ((now > before)); do
    ((SECONDS < end)) || fail "$1 does not get on"
    sleep 1
    now=$(right "$1")
  done
}
# metric NAME...: of each, the sum over labels and cells.
metric() {
  hive metrics wax --prometheus | awk -v names="$*" '
    {split($1, words, "{"); sums[words[1]] += $2}
    END {count = split(names, wanted, " "); for (i = 1; i <= count; ++i) printf "%d ", sums[wanted[i]]; print ""}'
}
# await_wax INCARNATIONS: there were more than that, and the last has done more rounds than a second has.
await_wax() {
  local end=$((SECONDS + 120)) figures incarnations=0 rounds=0
  until ((incarnations > $1 && rounds > 4)); do
    ((SECONDS < end)) || fail "no incarnation of Wax after the first $1 gets on"
    sleep 0.2
    figures=$(metric hive_wax_incarnations_total hive_wax_rounds) || fail "no metrics"
    read -r incarnations rounds <<<"$figures"
  done
}
# kill_wax: and print how many incarnations there had been. While cells come and go none may run.
kill_wax() {
  local end=$((SECONDS + 120)) incarnations
  incarnations=$(metric hive_wax_incarnations_total) || fail "no metrics"
  until hive inject wax vmm-kill >/dev/null; do
    ((SECONDS < end)) || fail "Wax cannot be killed"
    sleep 0.2
    incarnations=$(metric hive_wax_incarnations_total) || fail "no metrics"
  done
  echo "$incarnations"
}

for cell in a b c; do begin "$cell"; done
for cell in a b c; do await_more "$cell"; done
await_wax 0

followed=$(metric hive_hints_followed_total)
names=(a b c) sums_right=0
for ((i = 1; i <= kills; ++i)); do
  if ((i % each == 1)); then
    failed=${names[i / each % 3]}
    more=$(right "$failed")
    sums_right=$((sums_right + more))
    step "kill $i of Wax, and $failed fails"
    hive inject "$failed" vmm-kill
  fi
  killed=$(kill_wax)
  await_wax "$killed"
  if ((i % each == 0)); then
    # It has come back while Wax was killed on.
    await_state "$failed" running 120
    begin "$failed"
    for cell in a b c; do await_more "$cell"; done
    hive events wax >events
    ! grep 'done no round' events || fail "Wax hung"
  fi
done

step "after $kills kills"
for cell in a b c; do
  more=$(right "$cell")
  sums_right=$((sums_right + more))
done
hive metrics wax --prometheus | grep -E '^hive_(hints|wax|loan)' | grep -v ' 0$'
incarnations=$(metric hive_wax_incarnations_total)
echo "$sums_right sums, all of them right; $incarnations incarnations"
((incarnations > kills)) || fail "Wax had $incarnations incarnations"
(($(metric hive_hints_followed_total) > followed)) || fail "no hint was followed"

hive down
assert_no_processes
