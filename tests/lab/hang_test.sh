#!/usr/bin/env bash
# lab: inside timeout=240
# A guest hangs, spinning with interrupts off: the others agree that it has failed, go on, and it is
# rebooted and comes back.
source "$(dirname "$0")/lib.sh"
source "$HIVE_ROOT/tests/lab/view.sh"

machine=hang
cat >hang.yaml <<END
machine: hang
defaults: {memory: 96MiB, kernel: debian, on_failure: reboot}
witness: always
cells: [{name: a}, {name: b}, {name: c}]
END
hive up hang.yaml

step "a guest computes, and is not suspected"
in_cell b sh -c 'while :; do :; done >/dev/null 2>&1 & sleep 12; kill $!'
[[ $(view a) == "1: a 1, b 1, c 1, witness 1" ]] || fail "the view is \"$(view a)\""

step "a guest hangs"
"$HIVE_ROOT/tests/lab/hang_module.py" "$IMAGES/debian/modules/kernel/net/sched/em_nbyte.ko" hang.ko
hive exec b -- sh -c 'cat >/hang.ko' <hang.ko
in_cell b sh -c '(sleep 0.2; insmod /hang.ko) >/dev/null 2>&1 &'
await_view 120 "3: a 1, b 2, c 1, witness 1" a c
assert_story 2 'silent agent, stuck vCPU' a c
hive events hang | grep -F 'hang: its agent has been silent' || fail "the hang was not told"

step "it was rebooted"
await_state b running 120
[[ $(in_cell b echo back) == back ]] || fail "b does not answer"
[[ $(view b) == "3: a 1, b 2, c 1, witness 1" ]] || fail "b's view is \"$(view b)\""

step "the others noticed nothing"
assert_no_lockup
[[ $(field a state) == running && $(field c state) == running ]] || fail "a or c does not run"

step "down"
hive down
assert_no_processes
