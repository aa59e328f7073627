#!/usr/bin/env bash
# lab: inside timeout=500 tier=long
# Stock cells beside a Wax that writes garbage, then floods, for a minute each: what they compute stays
# right, what is refused is counted, and the true Wax comes back.
source "$(dirname "$0")/lib.sh"

cat >wax.yaml <<END
machine: wax
faults: enabled
defaults: {memory: 160MiB, max_memory: 256MiB, reserve: 96MiB, kernel: debian}
cells:
- {name: a}
- {name: b}
- {name: c}
- {name: wax, role: policy, policy: balance}
END
hive up wax.yaml
for cell in a b c; do await_state "$cell" running 120; done

# Checksums of what it makes anew each time; counts those that are right and those that are not.
work='right=0 wrong=0
while :; do
  if [ "$(yes hive | head -c 2000000 | sha256sum)" = "$1" ]; then right=$((right + 1)); else wrong=$((wrong + 1)); fi
  echo $right $wrong >/tmp/next
  mv /tmp/next /tmp/done
done'
wanted=$({ yes hive || true; } | head -c 2000000 | sha256sum)
for cell in a b c; do
  in_cell "$cell" sh -c 'cat >/tmp/work <<"END"
'"$work"'
END
echo 0 0 >/tmp/done
(sh /tmp/work "$1" >/dev/null 2>&1 &)' sh "$wanted"
done

# right: how many were, of all cells; fails where one was not.
right() {
  local cell sum=0 good bad
  for cell in a b c; do
    read -r good bad <<<"$(in_cell "$cell" cat /tmp/done)"
    ((bad == 0)) || fail "$cell came to $bad wrong sums"
    sum=$((sum + good))
  done
  echo "$sum"
}
# counted NAME: the sum of that metric over labels and cells.
counted() { hive metrics wax --prometheus | awk -v name="$1" '$1 ~ "^" name "[{]" {sum += $2} END {printf "%d\n", sum}'; }
refused() { echo $(($(counted hive_hints_refused_total) + $(counted hive_wax_hints_total))); }

for fault in wax-garbage wax-flood; do
  step "a minute of $fault"
  before=$(right)
  known=$(refused)
  hive inject wax "$fault" for=60s
  sleep 60
  now=$(right)
  hive metrics wax --prometheus | grep -E '^hive_(hints|wax_hints)' | grep -v ' 0$'
  echo "$((now - before)) sums, all of them right; $(($(refused) - known)) more hints are counted"
  ((now > before)) || fail "no cell gets on"
  (($(refused) > known)) || fail "no hint was refused"
  hive events wax | grep -E 'failed|hang' && fail "somebody failed"
done

step "the true Wax is back"
end=$((SECONDS + 60))
until hive status | grep -E '^ *wax +running' | grep -F 'Wax, policy balance'; do
  ((SECONDS < end)) || fail "it is not"
  sleep 1
done
before=$(right)
sleep 5
(($(right) > before)) || fail "no cell gets on"

hive down
assert_no_processes
