#!/usr/bin/env bash
# lab: inside timeout=550
# A stock kernel's uio_pci_generic hands doorbells to programs: a read of /dev/uio0 ends when another
# cell rings, and hivectl wait sleeps until hivectl wake in another cell.
source "$(dirname "$0")/lib.sh"

cat >bells.yaml <<END
machine: bells
defaults: {memory: 96MiB, kernel: debian, shared: 4MiB}
cells: [{name: alpha}, {name: beta}]
END
hive up bells.yaml

interrupts() { in_cell beta sh -c "grep uio /proc/interrupts" | tee /dev/stderr | awk '{print $2}'; }

step "the stock driver takes the function and its interrupt"
in_cell beta modprobe uio_pci_generic
in_cell beta sh -c 'echo "1af4 1110" >/sys/bus/pci/drivers/uio_pci_generic/new_id; ls -l /dev/uio0'
(($(interrupts) == 0)) || fail "there was an interrupt before anybody rang"

step "a read of /dev/uio0 ends when alpha rings"
in_cell beta sh -c 'timeout 60 dd if=/dev/uio0 bs=4 count=1 2>/dev/null | od -An -tu4' >read.out &
reader=$!
sleep 3
kill -0 "$reader" || fail "the read ended before anybody rang"
in_cell alpha hivectl ring beta 1
wait "$reader" || fail "the read did not end"
(($(<read.out) == 1)) || fail "the read gave $(<read.out)"
(($(interrupts) == 1)) || fail "one ring was not one interrupt"

step "what rings while the handler has the pin masked comes when it is unmasked"
in_cell alpha hivectl ring beta 1
in_cell alpha hivectl ring beta 2
sleep 1
(($(interrupts) == 1)) || fail "a masked pin interrupted"
# Byte 5 of configuration space: the upper byte of the command register.
in_cell beta sh -c 'cd /sys/bus/pci/drivers/uio_pci_generic/0000:* &&
  printf "\000" | dd of=config bs=1 seek=5 conv=notrunc 2>/dev/null'
for _ in $(seq 60); do
  sleep 1
  (($(interrupts) < 2)) || break
done
(($(interrupts) == 2)) || fail "what was pending did not come, or came twice"

step "hivectl wait sleeps until alpha wakes it"
in_cell alpha hivectl section create word 4KiB
in_cell beta hivectl wait alpha:word 0 0 --for 120 >wait.out &
waiter=$!
for ((i = 0; i < 120; ++i)); do
  rung=$(in_cell alpha hivectl wake word 0)
  ((rung == 0)) || break
  sleep 0.5
done
((rung == 1)) || fail "beta does not sleep"
kill -0 "$waiter" || fail "beta's wait ended before the word changed"
in_cell alpha sh -c 'printf "\007\000\000\000" | hivectl write word 0; hivectl wake word 0'
wait "$waiter" || fail "beta's wait failed"
(($(<wait.out) == 7)) || fail "beta's wait gave $(<wait.out)"
(($(interrupts) > 2)) || fail "beta was not interrupted"

step "libhive has the driver take the function by itself"
in_cell alpha hivectl wait beta: 0 0 --for 1 || true
in_cell alpha sh -c 'ls /dev/uio0 && readlink /sys/bus/pci/drivers/uio_pci_generic/0000:*' ||
  fail "alpha has no UIO device"

step "the system section is the monitor's"
in_cell alpha hivectl section list
! in_cell alpha hivectl section create hive.mine 4KiB || fail "a guest made a reserved section"
! in_cell alpha hivectl section destroy hive.system || fail "a guest ended its system section"
in_cell beta hivectl section list | grep -q 'alpha.*hive.system' || fail "beta does not see it"
[[ $(state alpha) == running && $(state beta) == running ]] || fail "a cell has died"
