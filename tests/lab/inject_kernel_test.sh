#!/usr/bin/env bash
# lab: inside timeout=900 tier=long
# A stock kernel's own memory is corrupted, or it hangs: the others agree that its cell has failed, go
# on, and it is rebooted and comes back.
source "$(dirname "$0")/lib.sh"
source "$HIVE_ROOT/tests/lab/inject.sh"

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

finish
