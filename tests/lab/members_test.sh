#!/usr/bin/env bash
# lab: inside timeout=300
# A cell fails, by its VMM's end and by a kernel panic: the others agree that it has, tell so in
# order, go on with guests that noticed nothing, and take it back when it is started anew.
source "$(dirname "$0")/lib.sh"
source "$HIVE_ROOT/tests/lab/view.sh"

machine=members
cat >members.yaml <<END
machine: members
defaults: {memory: 96MiB, kernel: debian}
witness: always
cells: [{name: a}, {name: b}, {name: c}]
END
hive up members.yaml

step "a VMM is killed"
kill -9 "$(field b vmm_pid)"
await_view 120 "2: a 1, c 1, witness 1" a c
await_state b failed 120
assert_story 2 'VMM exit' a c

step "it comes back"
hive reboot members/b
await_view 120 "3: a 1, b 2, c 1, witness 1" a b c
[[ $(in_cell b echo back) == back ]] || fail "b does not answer"

step "a guest panics"
in_cell b sh -c '(sleep 0.2; echo c >/proc/sysrq-trigger) >/dev/null 2>&1 &'
await_view 120 "4: a 1, c 1, witness 1" a c
await_state b panicked 120
assert_story 4 panic a c

step "the others noticed nothing"
assert_no_lockup
[[ $(field a state) == running && $(field c state) == running ]] || fail "a or c does not run"

step "down"
hive down
assert_no_processes
