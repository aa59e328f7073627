#!/usr/bin/env bash
# lab: inside timeout=300
# A cell that wrote to another one's memory panics: what it wrote is discarded and nothing else, a
# program there is told and reloads it from a file, and guests that survive go on in the same boot. A
# lock that a cell held whose VMM was killed on request goes to who waits for it, who is told so.
source "$(dirname "$0")/lib.sh"

cat >discards.yaml <<END
machine: discards
defaults: {memory: 96MiB, kernel: debian, shared: 2MiB, on_failure: reboot}
cells: [{name: alpha}, {name: beta}, {name: gamma}]
END
hive up discards.yaml

boot_of() { in_cell "$1" cat /proc/sys/kernel/random/boot_id; }
boots="$(boot_of alpha) $(boot_of gamma)"

# letters CELL: alpha's section, as CELL sees it.
letters() { in_cell "$1" sh -c 'hivectl read alpha:letters 0 64KiB | sha256sum'; }

step "alpha fills a section from a file; beta may write four of its pages, and writes two"
in_cell alpha sh -c 'head -c 65536 /dev/urandom >/tmp/letters && hivectl section create letters 64KiB &&
  hivectl write :letters 0 </tmp/letters && hivectl grant :letters beta 4-7'
before=$(letters gamma)
in_cell alpha sh -c 'hivectl reload letters /tmp/letters --follow >/tmp/reloaded 2>&1 &'
in_cell beta sh -c 'echo beta | hivectl write alpha:letters 20480; echo beta | hivectl write alpha:letters 28672'
[[ $(in_cell gamma hivectl read alpha:letters 28672 4) == beta ]] || fail "gamma does not see what beta wrote"

step "beta panics: pages 5 and 7 are discarded, and reloaded"
in_cell beta sh -c 'echo c >/proc/sysrq-trigger' >/dev/null 2>&1 || true
for _ in $(seq 120); do
  [[ $(in_cell alpha cat /tmp/reloaded) != *"page 7 "* ]] || break
  sleep 0.5
done
in_cell alpha cat /tmp/reloaded
in_cell alpha hivectl discards
[[ $(in_cell alpha cat /tmp/reloaded) == "page 5 of letters reloaded
page 7 of letters reloaded" ]] || fail "other pages were reloaded"
[[ $(letters gamma) == "$before" ]] || fail "the section is not what it was"
hive events | grep -q 'revoke: 2 pages are to be discarded' || fail "not two pages were discarded"
[[ "$(boot_of alpha) $(boot_of gamma)" == "$boots" ]] || fail "a survivor was booted"

step "beta comes back"
for _ in $(seq 120); do
  [[ $(field beta incarnation) != 2 || $(state beta) != running ]] || break
  sleep 0.5
done
[[ $(field beta incarnation) == 2 && $(state beta) == running ]] || fail "beta does not come back"
[[ $(in_cell beta hivectl read alpha:letters 20480 4096 | md5sum) == \
   $(in_cell alpha hivectl read letters 20480 4096 | md5sum) ]] || fail "beta sees another page"

step "a lock of beta's, which is rebooted by force, goes to alpha"
in_cell alpha hivectl section create desk 4KiB
in_cell alpha hivectl grant :desk beta 0
in_cell beta hivectl lock alpha:desk 0
in_cell alpha sh -c 'hivectl lock desk 0 >/tmp/locked 2>&1 &'
hive reboot beta --force
[[ $(in_cell alpha cat /tmp/locked) == "taken: its owner failed" ]] ||
  fail "alpha says of the lock: $(in_cell alpha cat /tmp/locked)"
in_cell alpha hivectl unlock desk 0
