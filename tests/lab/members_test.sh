#!/usr/bin/env bash
# lab: inside timeout=300
# A cell fails, by its VMM's end and by a kernel panic: the others agree that it has, tell so in
# order, go on with guests that noticed nothing, and take it back when it is started anew.
source "$(dirname "$0")/lib.sh"

cat >members.yaml <<END
machine: members
defaults: {memory: 96MiB, kernel: debian}
cells: [{name: a}, {name: b}, {name: c}]
END
hive up members.yaml

field() {
  hive status --json | python3 -c '
import json, sys
for cell in json.load(sys.stdin)["machines"][0]["cells"]:
    if cell["cell"] == sys.argv[1]:
        print(cell[sys.argv[2]])' "$1" "$2"
}

# view CELL: its view as CELL knows it: "EPOCH: NAME INCARNATION, ...", and whether it suspends.
view() {
  hive status --json | python3 -c '
import json, sys
for cell in json.load(sys.stdin)["machines"][0]["cells"]:
    if cell["cell"] == sys.argv[1]:
        view = cell["view"]
        members = ", ".join("%s %d" % (m["cell"], m["incarnation"]) for m in view["members"])
        print("%d: %s%s" % (view["epoch"], members, " (suspended)" if view["suspended"] else ""))' "$1"
}

# await_view SECONDS VIEW CELL...: all of them come to it.
await_view() {
  local end=$((SECONDS + $1)) wanted=$2 cell
  shift 2
  for cell in "$@"; do
    while [[ $(view "$cell") != "$wanted" ]]; do
      ((SECONDS < end)) || fail "the view of $cell is \"$(view "$cell")\", not \"$wanted\""
      sleep 0.5
    done
  done
}

# assert_story EPOCH CAUSE CELL...: b's failure for CAUSE, as each of them has told it.
assert_story() {
  local epoch=$1 cause=$2
  shift 2
  hive events --json members >events
  python3 - "$epoch" "$cause" "$@" <<'END' || fail "the story is another"
import json, sys
epoch, cause, *tellers = sys.argv[1:]
events = [json.loads(line) for line in open("events")]
votes = 0
for teller in tellers:
    own = [(e["kind"], e["detail"]) for e in events if e["cell"] == teller]
    view = next(i for i, (kind, detail) in enumerate(own)
                if kind == "view" and detail.startswith(f"epoch {epoch}: "))
    assert "b left" in own[view][1], own[view]
    alert = max(i for i in range(view) if own[i][0] == "alert")
    assert own[alert][1] == "about b", own[alert]
    resumed = next(i for i in range(view, len(own)) if own[i][0] == "resumed")
    for kind, detail in (own[alert], own[view], own[resumed]):
        print(f"  {teller}: {kind}: {detail}")
    votes += sum(kind == "vote" and f"b failed ({cause}" in detail for kind, detail in own[alert:view])
hints = [e["cell"] for e in events if e["kind"] == "hint" and f"b: {cause}" in e["detail"]]
print(f"  hints by {', '.join(hints)}; {votes} votes")
assert hints and votes, (hints, votes)
END
}

# A guest that stood still and was not told so would say so here.
assert_no_lockup() {
  local cell
  for cell in a c; do
    hive console --dump "members/$cell" >console
    [[ -s console ]] || fail "the console of $cell is empty"
    if grep -iE 'soft lockup|stall|hung task|clocksource.*unstable' console; then
      fail "the guest of $cell noticed that it was suspended"
    fi
    [[ $(in_cell "$cell" echo alive) == alive ]] || fail "$cell does not answer"
  done
}

step "a VMM is killed"
kill -9 "$(field b vmm_pid)"
await_view 20 "2: a 1, c 1" a c
await_state b failed 20
assert_story 2 'VMM exit' a c

step "it comes back"
hive reboot members/b
await_view 20 "3: a 1, b 2, c 1" a b c
[[ $(in_cell b echo back) == back ]] || fail "b does not answer"

step "a guest panics"
in_cell b sh -c '(sleep 0.2; echo c >/proc/sysrq-trigger) >/dev/null 2>&1 &'
await_view 30 "4: a 1, c 1" a c
await_state b panicked 20
assert_story 4 panic a c

step "the others noticed nothing"
assert_no_lockup
[[ $(field a state) == running && $(field c state) == running ]] || fail "a or c does not run"

step "down"
hive down
assert_no_processes
