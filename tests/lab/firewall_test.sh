#!/usr/bin/env bash
# lab: inside timeout=550
# Two stock cells share memory: a granted page is written and read across, a forbidden store ends
# only the program that made it, and home's bytes stay as they were.
source "$(dirname "$0")/lib.sh"

cat >shared.yaml <<END
machine: shared
defaults: {memory: 96MiB, kernel: debian}
cells: [{name: alpha, shared: 4MiB}, {name: beta}]
END
hive up shared.yaml

step "alpha makes a section and grants beta its first page"
in_cell alpha hivectl info
in_cell alpha hivectl section create letters 64KiB
in_cell alpha sh -c 'seq -w 20000 | head -c 65536 | hivectl write letters 0'
in_cell alpha hivectl grant letters beta 0

step "beta finds it, and writes what it may"
in_cell beta hivectl info
in_cell beta hivectl section list
in_cell beta sh -c 'echo "hello from beta" | hivectl write alpha:letters 0'
[[ $(in_cell alpha hivectl read letters 0 15) == "hello from beta" ]] || fail "alpha reads something else"
in_cell alpha hivectl written letters beta

step "beta's store to the next page ends its program, not its kernel"
contents=$(in_cell alpha sh -c 'hivectl read letters 0 65536 | sha256sum')
status=0
in_cell beta sh -c 'echo no | hivectl write alpha:letters 4KiB; exit $?' || status=$?
((status == 139 || status == 135)) || fail "the program ended with $status, not by SIGSEGV or SIGBUS"
[[ $(in_cell beta echo alive) == alive ]] || fail "beta does not answer"
[[ $(in_cell alpha sh -c 'hivectl read letters 0 65536 | sha256sum') == "$contents" ]] ||
  fail "alpha's memory has changed"
[[ $(state beta) == running ]] || fail "beta is $(state beta)"

step "both cells' events tell of it"
events=$(hive events)
printf '%s\n' "$events"
grep -E 'alpha.*violation.*cell beta.*page 1 of section letters' <<<"$events" || fail "alpha's event is missing"
grep -E 'beta.*violation.*rip 0x' <<<"$events" || fail "beta's event has no RIP"
hive memory
hive firewall list alpha --written --json

step "a revoke takes what was granted"
in_cell alpha hivectl revoke letters beta
status=0
in_cell beta sh -c 'echo no | hivectl write alpha:letters 0; exit $?' || status=$?
((status == 139 || status == 135)) || fail "the program ended with $status, not by SIGSEGV or SIGBUS"
[[ $(in_cell alpha hivectl read letters 0 15) == "hello from beta" ]] || fail "alpha's page has changed"

step "rights end with the writer's incarnation, and home's sections with home's"
in_cell alpha hivectl grant letters beta 0
hive reboot beta
status=0
in_cell beta sh -c 'echo no | hivectl write alpha:letters 0; exit $?' || status=$?
((status == 139 || status == 135)) || fail "the program ended with $status, not by SIGSEGV or SIGBUS"
hive reboot alpha
! in_cell beta hivectl section open alpha:letters || fail "a section outlived its home"

step "the kernel has nothing to say against its devices"
in_cell beta sh -c 'dmesg | grep -iE "acpi.*error|pci.*(error|fail|conflict)|bug:" && exit 1; exit 0' ||
  fail "the kernel logs errors"

step "down"
hive down
assert_no_processes
