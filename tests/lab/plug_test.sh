#!/usr/bin/env bash
# lab: inside timeout=550 tier=long
# A stock guest is lent memory beyond its own, uses it, and gives all of it back; what is too much is refused.
source "$(dirname "$0")/lib.sh"

cat >plug.yaml <<END
machine: plug
cells: [{name: a, memory: 256MiB, max_memory: 512MiB, kernel: debian}]
END
hive up plug.yaml

# total: MiB that the guest has. resident: MiB of the guest's memory that the host has given it.
total() { in_cell a sh -c "sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo" | awk '{print int($1 / 1024)}'; }
resident() { awk '/^RssShmem:/ {print int($2 / 1024)}' "/proc/$(field a vmm_pid)/status"; }

# await_plugged SIZE
await_plugged() {
  local end=$((SECONDS + 90))
  until [[ $(hive plug a) == *", plugged in $1" ]]; do
    ((SECONDS < end)) || fail "$(hive plug a), and not $1"
    sleep 0.2
  done
}

step "it has its own memory only, and parts of 128 MiB and 2 MiB to plug in"
own=$(total)
((own < 240)) || fail "the guest has $own MiB before it is lent any"
in_cell a sh -c 'grep . /sys/devices/system/memory/block_size_bytes; dmesg | grep virtio_mem' || true

step "it plugs in 160 MiB"
hive plug a 160MiB
await_plugged 160MiB
end=$((SECONDS + 60))
until (($(total) >= own + 150)); do # It is online a moment later.
  ((SECONDS < end)) || fail "the guest has $(total) MiB, and had $own"
  sleep 0.5
done
in_cell a sh -c 'dmesg | grep virtio_mem' || true
hive events plug | grep -F 'the guest is to have 160MiB plugged in' || fail "no event tells"
hive metrics plug --prometheus | grep -F 'hive_cell_plugged_bytes{' | grep -F 'plugged"' |
  grep -E ' (167772160|1.6777216e\+08)$' || fail "no metric tells"

step "it uses more than its own memory"
write='yes "the guest wrote this" | head -c 4000000 >part && for each in $(seq 65); do cat part; done'
in_cell a sh -c "mount -t tmpfs -o size=280m none /mnt && cd /mnt && $write >all"
written=$(in_cell a md5sum /mnt/all)
[[ ${written%% *} == "$(sh -c "$write" | md5sum | cut -d' ' -f1)" ]] ||
  fail "260 MB that the guest wrote are others now: $written"
full=$(resident)
in_cell a sh -c 'rm /mnt/*'

step "it gives all of it back"
hive plug a 0
await_plugged 0B
(($(total) == own)) || fail "the guest has $(total) MiB, and had $own of its own"
((full - $(resident) >= 140)) || fail "the host has $(resident) of $full MiB out"

step "it takes memory in parts of its own: of 2 MiB, as Debian's kernel does"
hive plug a 6MiB
await_plugged 6MiB
hive plug a 0
await_plugged 0B

step "what it cannot have is refused"
if hive plug a 258MiB 2>why; then fail "more than max_memory was asked for"; fi
grep -F 'may be lent 256MiB at most' why || fail "refused for another reason: $(cat why)"
if hive plug a 1MiB 2>why; then fail "half a block was asked for"; fi
grep -F 'give a multiple of 2MiB' why || fail "refused for another reason: $(cat why)"
if hive plug a much 2>why; then fail "\"much\" is a size"; fi

step "a guest that comes up later has it, too"
hive plug a 128MiB
hive reboot a
await_plugged 128MiB

hive down
assert_no_processes
