#!/usr/bin/env bash
# lab: inside timeout=900
# Faults are injected into a stock Linux guest: it bears them, or the others agree that it has
# failed, go on, and it is rebooted and comes back.
source "$(dirname "$0")/lib.sh"
source "$HIVE_ROOT/tests/lab/view.sh"

machine=inject
cat >inject.yaml <<END
machine: inject
faults: enabled
defaults: {memory: 96MiB, shared: 2MiB, kernel: debian, on_failure: reboot}
cells: [{name: a}, {name: b}, {name: c}]
END
hive up inject.yaml
boot=1

# await_return: b is out, and back.
await_return() {
  boot=$((boot + 1))
  local end=$((SECONDS + 120))
  until [[ $(field b incarnation) == "$boot" && $(state b) == running ]]; do
    ((SECONDS < end)) || fail "b is not back: incarnation $(field b incarnation), $(state b)"
    sleep 0.5
  done
  [[ $(in_cell b echo back) == back ]] || fail "b does not answer"
  await_view 60 "$((2 * boot - 1)): a 1, b $boot, c 1" a c
}

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

step "a kernel's text is lost"
range=$(in_cell b sh -c 'grep "Kernel code" /proc/iomem' | sed 's/^ *\([0-9a-f]*-[0-9a-f]*\) .*/\1/')
hive inject b memory-corrupt where=text change=zero count=1000 seed=2
at=$(hive events inject | sed -n 's/.*where=text: seed 2: \(0x[0-9a-f]*\):.*/\1/p')
((at >= 0x${range%-*} && at <= 0x${range#*-})) || fail "$at is not in the kernel's text, $range"
# Without its agent a guest may also rest, or spin with interrupts on, which nobody can tell from work.
end=$((SECONDS + 45))
while ((SECONDS < end)) && [[ $(field b incarnation) == "$boot" ]]; do sleep 0.5; done
# It may be put out as it is asked.
[[ $(field b incarnation) != "$boot" ]] || hive inject b triple-fault || true
await_return

step "its page tables are lost"
hive inject b memory-corrupt where=page-table change=zero count=1000 seed=9
await_return

step "a guest hangs"
hive inject b hang
await_return
hive events inject | grep -F 'with interrupts off' || fail "the hang was not told"

step "a kernel panics, later"
hive inject b panic at=1s
hive inject --pending b | grep 'panic at=1s: in ' || fail "it does not wait"
await_return
hive events inject | grep -F 'panicked' || fail "the panic was not told"

# start NAME: a process of b's that is called so, and goes on creating others.
start() {
  in_cell b sh -c "(sh -c 'echo $1 >/proc/\$\$/comm; while :; do sleep 0.1; done' >/dev/null 2>&1 &)"
  local end=$((SECONDS + 30))
  until in_cell b sh -c 'cat /proc/[0-9]*/comm 2>/dev/null; true' | grep -x "$1" >/dev/null; do
    ((SECONDS < end)) || fail "there is no process $1"
    sleep 0.5
  done
}

step "pointers in a process's address map, and in its copy-on-write tree, dangle"
start mapped
if hive inject b memory-corrupt where=address-map process=kthreadd 2>why; then fail "kthreadd was hit"; fi
grep -F 'has no address map' why || fail "refused for another reason: $(cat why)"
# dangle PLACE PROCESS: one pointer, after which the guest is put out.
dangle() {
  hive inject b memory-corrupt "where=$1" "process=$2" change=dangling seed=10
  hive events inject |
    grep -E "memory-corrupt .* where=$1: seed 10: 0x[0-9a-f]+: 0xffff[0-9a-f]+ -> 0xffff[0-9a-f]+" ||
    fail "no pointer was told: $(hive events inject | grep memory-corrupt | tail -1)"
  # Where it has not failed of it yet.
  [[ $(field b incarnation) != "$boot" ]] || hive inject b vmm-kill || true
  await_return
}
dangle address-map mapped
start copied
dangle cow-tree copied

step "the others noticed nothing"
assert_no_lockup
[[ $(field a incarnation) == 1 && $(field c incarnation) == 1 ]] || fail "a or c was rebooted"

step "down"
hive down
assert_no_processes
