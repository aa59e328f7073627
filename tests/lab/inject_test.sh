#!/usr/bin/env bash
# lab: inside timeout=600
# Faults are injected into a stock Linux guest: it bears them, or the others agree that it has
# failed, go on, and it is rebooted and comes back.
source "$(dirname "$0")/lib.sh"
source "$HIVE_ROOT/tests/lab/inject.sh"

step "a guest bears an NMI, and vCPUs that stand still for a while"
hive inject b nmi
in_cell b dmesg | grep -F 'NMI received for unknown reason' || fail "the guest saw no NMI"
hive inject b vcpu-stop for=2s
[[ $(in_cell b echo on) == on ]] || fail "b does not answer"

# wild TARGET: has b's program write there; sets `stored` and `denied`.
wild() {
  local before counts end=$((SECONDS + 60))
  before=$(hive events inject | grep -c fault-over || true)
  hive inject b wild-writes "target=$1" count=300 rate=300 seed=7
  until (($(hive events inject | grep -c fault-over) > before)); do
    ((SECONDS < end)) || fail "the wild writes do not end"
    sleep 0.5
  done
  counts=$(hive events inject | grep fault-over | tail -1 |
    sed -n 's/.*seed 7: \([0-9]*\) words stored, \([0-9]*\) stores denied.*/\1 \2/p')
  [[ $counts ]] || fail "no counts: $(hive events inject | grep fault-over | tail -1)"
  read -r stored denied <<<"$counts"
  ((stored + denied == 300)) || fail "$stored stored and $denied denied are not 300"
}

step "a program writes wildly: its own memory, and nobody else's"
in_cell a hivectl read a: 0 2MiB | sha256sum >before
wild own
((denied == 0)) || fail "$denied stores to its own memory were denied"
wild others
((stored == 0)) || fail "$stored words of others' memory were written"
hive events inject | grep violation | grep 'cell b' || fail "no violation was told"
wild all
((stored > 50 && denied > 100)) || fail "of all: $stored stored, $denied denied"
in_cell a hivectl read a: 0 2MiB | sha256sum >after
cmp before after || fail "a's memory has changed"
[[ $(view a) == "1: a 1, b 1, c 1" ]] || fail "the view is \"$(view a)\""

step "a process's memory is corrupted, and nothing else"
in_cell b sh -c '(sh -c "echo victim >/proc/\$\$/comm; while :; do sleep 0.1; done" >/dev/null 2>&1 &)'
hive inject b memory-corrupt where=process process=victim change=random count=1000 seed=1
if hive inject b memory-corrupt where=process process=nobody 2>why; then fail "nobody was hit"; fi
grep -F 'there is no process nobody' why || fail "refused for another reason: $(cat why)"
end=$((SECONDS + 30))
while in_cell b sh -c 'cat /proc/[0-9]*/comm 2>/dev/null; true' | grep -x victim >/dev/null; do
  ((SECONDS < end)) || fail "the process lives on"
  sleep 0.5
done
[[ $(view a) == "1: a 1, b 1, c 1" ]] || fail "the view is \"$(view a)\""

step "a kernel panics, later"
hive inject b panic at=1s
hive inject --pending b | grep 'panic at=1s: in ' || fail "it does not wait"
await_return
hive events inject | grep -F 'panicked' || fail "the panic was not told"

finish
