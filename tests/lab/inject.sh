# Shared by the lab's scenarios that inject faults into stock guests: source it after lib.sh.
# It brings up machine "inject" of cells a, b and c; faults are for b.

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
  await_view 120 "$((2 * boot - 1)): a 1, b $boot, c 1" a c
}

# finish: the end of a scenario, after which nothing is left.
finish() {
  step "the others noticed nothing"
  assert_no_lockup
  [[ $(field a incarnation) == 1 && $(field c incarnation) == 1 ]] || fail "a or c was rebooted"

  step "down"
  hive down
  assert_no_processes
}
