#!/usr/bin/env bash
# lab: inside timeout=500
# A cell of 8 vCPUs: all come online, and its kernel has nothing to say against ACPI, PCI or virtio.
source "$(dirname "$0")/lib.sh"

cat >smp.yaml <<END
machine: smp
cells:
  - {name: eight, cpus: 8, overcommit_cpus: true, memory: 192MiB, kernel: debian, disks: [{path: d.img}]}
END
truncate -s 16M d.img
hive up smp.yaml

step "8 CPUs online, each of which runs a process"
[[ $(in_cell eight nproc) == 8 ]] || fail "nproc says $(in_cell eight nproc)"
[[ $(in_cell eight cat /sys/devices/system/cpu/online) == 0-7 ]] || fail "not all CPUs are online"
for cpu in 0 1 2 3 4 5 6 7; do
  answer=$(in_cell eight taskset -c "$cpu" sh -c 'cut -d" " -f39 /proc/self/stat')
  [[ $answer == "$cpu" ]] || fail "a process pinned to CPU $cpu runs on $answer"
done

step "the kernel's errors and warnings about ACPI, PCI and virtio"
in_cell eight dmesg -r >dmesg
[[ -s dmesg ]] || fail "no kernel log"
# Levels 0 to 3 are errors; 4 warnings.
errors=$(grep -E '^<[0-4]>' dmesg | grep -iE 'acpi|pci|virtio' || true)
[[ -z $errors ]] || fail "$errors"
errors=$(grep -E '^<[0-3]>' dmesg || true)
[[ -z $errors ]] || fail "errors of another kind: $errors"

hive down
assert_no_processes
