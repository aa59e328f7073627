# Shared by the scenarios in which cell b of a, b and c fails, with a witness beside: source it after lib.sh. They name their
# machine in $machine.

# view CELL: its view as CELL knows it: "EPOCH: NAME INCARNATION, ...", and whether it suspends.
view() {
  hive status --json | python3 -c '
import json, sys
for cell in json.load(sys.stdin)["machines"][0]["cells"]:
    if cell["cell"] == sys.argv[1] and "view" in cell:
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
  hive events --json "$machine" >events
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

# assert_no_lockup: a and c noticed nothing. A guest that stood still and was not told so would say so.
assert_no_lockup() {
  local cell
  for cell in a c; do
    hive console --dump "$machine/$cell" >console
    [[ -s console ]] || fail "the console of $cell is empty"
    if grep -iE 'soft lockup|stall|hung task|clocksource.*unstable' console; then
      fail "the guest of $cell noticed that it was suspended"
    fi
    [[ $(in_cell "$cell" echo alive) == alive ]] || fail "$cell does not answer"
  done
}
