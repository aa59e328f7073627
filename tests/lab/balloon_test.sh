#!/usr/bin/env bash
# lab: inside timeout=550 tier=long
# A stock guest gives memory back to the host and takes it again; what is too much is refused.
source "$(dirname "$0")/lib.sh"

cat >balloon.yaml <<END
machine: balloon
cells: [{name: a, memory: 256MiB, kernel: debian}]
END
hive up balloon.yaml

# free_memory: MiB that the guest has free. resident: MiB of the guest's RAM that the host has given it.
free_memory() { in_cell a sh -c "sed -n 's/^MemFree: *\([0-9]*\) kB/\1/p' /proc/meminfo" | awk '{print int($1 / 1024)}'; }
resident() { awk '/^RssShmem:/ {print int($2 / 1024)}' "/proc/$(field a vmm_pid)/status"; }

# await_given SIZE
await_given() {
  local end=$((SECONDS + 60))
  until [[ $(hive balloon a) == *", given $1" ]]; do
    ((SECONDS < end)) || fail "$(hive balloon a), and not $1"
    sleep 0.2
  done
}

step "all of its memory is touched"
in_cell a sh -c 'mount -t tmpfs -o size=180m none /mnt && head -c 157286400 /dev/zero >/mnt/all && rm /mnt/all'
before=$(resident) free=$(free_memory)
((before > 150)) || fail "the host has given the guest $before MiB only"

step "it gives 100 MiB back"
hive balloon a 100MiB
await_given 100MiB
((before - $(resident) >= 95)) || fail "the host has $(resident) of $before MiB out"
((free - $(free_memory) >= 95)) || fail "the guest has $(free_memory) of $free MiB free"
hive events balloon | grep -F 'the guest is to give back 100MiB' || fail "no event tells"
hive metrics balloon --prometheus | grep -F 'hive_cell_balloon_bytes{' | grep -F 'given' |
  grep -E ' (104857600|1.048576e\+08)$' || fail "no metric tells"

step "it takes it again, and can use it"
hive balloon a 0
await_given 0B
in_cell a sh -c 'head -c 157286400 /dev/zero >/mnt/all && sha256sum /mnt/all && rm /mnt/all'
(($(resident) > 150)) || fail "the host has $(resident) MiB out"

step "too much is refused"
if hive balloon a 200MiB 2>why; then fail "200 of 256 MiB were asked for"; fi
grep -F 'it can give back 192MiB at most' why || fail "refused for another reason: $(cat why)"
if hive balloon a much 2>why; then fail "\"much\" is a size"; fi

step "a guest that comes up later gives it, too"
hive balloon a 32MiB
hive reboot a
await_given 32MiB

hive down
assert_no_processes
