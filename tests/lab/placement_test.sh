#!/usr/bin/env bash
# lab: inside timeout=400 tier=long
# Three stock cells and Wax: a section that another cell uses far more than its home moves there, by Wax's
# advice and by hand, with what was written in it and with who may write it; programs find it by its name.
source "$(dirname "$0")/lib.sh"

cat >place.yaml <<END
machine: place
defaults: {memory: 192MiB, shared: 16MiB, hosted: 8MiB, kernel: debian}
cells:
- {name: a}
- {name: b}
- {name: c}
- {name: wax, role: policy, policy: placement}
END
hive up place.yaml

# home_of SECTION: the cells that have it, as their monitors say, without a place for one that is to come.
home_of() {
  hive memory --json | python3 -c '
import json, sys
for cell in json.load(sys.stdin)["machines"][0]["cells"]:
    for section in cell.get("sections", []):
        if section["name"] == sys.argv[1] and not section["coming"]:
            print(cell["cell"])' "$1"
}
# await_home SECTION CELL
await_home() {
  local end=$((SECONDS + 60))
  until [[ $(home_of "$1") == "$2" ]]; do
    ((SECONDS < end)) || fail "section $1 is at \"$(home_of "$1")\", not at $2"
    sleep 0.5
  done
}

# stays SECTION CELL WHY: it does not move there, for that reason.
stays() {
  hive move place "$1" --to "$2" 2>why && fail "$1 moves to $2"
  grep -F "$3" why || fail "$1 stays for another reason: $(cat why)"
}

step "a section of a's that c may write, too"
in_cell a hivectl section create hot 1MiB --movable
in_cell a hivectl section create cold 64KiB --movable
in_cell a hivectl section create fixed 64KiB
in_cell a hivectl grant hot c 0
in_cell a sh -c 'echo from-a | hivectl write :hot 4KiB'
in_cell c sh -c 'echo from-c | hivectl write a:hot 0'

step "b uses it most: Wax moves it there"
end=$((SECONDS + 90))
until [[ $(home_of hot) == b ]]; do
  ((SECONDS < end)) || fail "section hot is at \"$(home_of hot)\", not at b"
  in_cell b hivectl section use hot 20000
  sleep 0.5
done
[[ $(home_of cold) == a ]] || fail "section cold has moved"
hive events place | grep -F '  moved: section hot is at b now' || fail "no event tells of it"
hive events place | grep -F '  came: section hot' || fail "no event of b's tells of it"
hive memory place | grep -E 'hot +a +b' || fail "hive memory does not tell where it went"

step "what was in it is there, and who could write it can"
[[ $(in_cell b hivectl read :hot 0 6) == from-c ]] || fail "what c wrote is lost"
[[ $(in_cell c hivectl read a:hot 4KiB 6) == from-a ]] || fail "a:hot does not lead there"
in_cell c sh -c 'echo again- | hivectl write hot 0'
in_cell a sh -c 'echo home-- | hivectl write hot 8KiB'
in_cell c sh -c 'echo no | hivectl write hot 8KiB' && fail "c writes what it never could"
[[ $(in_cell b hivectl read :hot 0 6) == again- ]] || fail "c does not write it"
[[ $(in_cell b hivectl read :hot 8KiB 6) == home-- ]] || fail "a does not write it"

step "by hand"
hive move place cold --to c
[[ $(home_of cold) == c ]] || fail "section cold is at \"$(home_of cold)\""
hive move place c:cold --to a
[[ $(home_of cold) == a ]] || fail "section cold is at \"$(home_of cold)\", not back at a"

step "what stays"
stays fixed b 'not made to be moved'
in_cell a hivectl section open :cold
stays cold b open
in_cell a hivectl section close :cold
in_cell a hivectl section create large 12MiB --movable
stays large b 'no room'

step "nobody was the worse for it"
hive events place | grep -E 'alert|failed|hang' && fail "somebody was"
hive metrics place --prometheus | grep -E '^hive_section_moves_total' | grep -v ' 0$'

hive down
assert_no_processes
