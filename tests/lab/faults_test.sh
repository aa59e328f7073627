#!/usr/bin/env bash
# lab: inside timeout=400
# What cannot work is refused with a clear error, exit status 1 or 2, soon, and leaves nothing behind.
source "$(dirname "$0")/lib.sh"

# A second, for a processor that an emulator makes many times slower; kvm_hive holds the second itself.
limit_ms=5000

# refused WHAT PATTERN COMMAND...: COMMAND fails in time with PATTERN in its error output. A busy host has
# another go or two.
refused() {
  local what=$1 pattern=$2 status started took before
  shift 2
  before=$(find "$HIVE_RUNTIME_DIR" . -type f -o -type s | sort)
  for _ in 1 2 3; do
    status=0
    started=$(date +%s%3N)
    "$@" >out 2>err </dev/null || status=$?
    took=$(($(date +%s%3N) - started))
    ((took >= limit_ms)) || break
  done
  printf '== %s: status %d after %d ms: %s\n' "$what" "$status" "$took" "$(head -1 err)"
  [[ $status == 1 || $status == 2 ]] || fail "$what: exit status $status"
  grep -qiE -- "$pattern" err || fail "$what: the error does not say \"$pattern\": $(cat err)"
  ((took < limit_ms)) || fail "$what took $took ms"
  rm -f out err
  [[ $(find "$HIVE_RUNTIME_DIR" . -type f -o -type s | sort) == "$before" ]] ||
    fail "$what left files: $(find "$HIVE_RUNTIME_DIR" . -type f -o -type s | tr '\n' ' ')"
  assert_no_processes
}

# machine WORDS: a plan of one cell with those keys.
machine() {
  cat >m.yaml <<END
machine: faults
cells: [{name: a, memory: 96MiB, $1}]
END
}

printf 'not a kernel at all, whatever its name says\n%4096s' ' ' >text.img
head -c 1000000 "$IMAGES/debian/vmlinuz" >truncated.img
truncate -s 200M large.cpio
truncate -s 16M disk.img

machine "kernel: text.img"
refused "a kernel that is not a kernel" 'text\.img: not a kernel; give the path of a bzImage' hive up m.yaml
machine "kernel: truncated.img"
refused "a truncated bzImage" 'truncated\.img: truncated: its header announces.*copy it again' hive up m.yaml
machine "kernel: debian, initrd: large.cpio"
refused "an initrd larger than memory" 'initrd.*do not fit in.*; give the cell more' hive up m.yaml
machine "kernel: debian, disks: [{path: none.img}]"
refused "a missing disk" 'none\.img.* does not exist; .*truncate -s' hive up m.yaml

# Busy: some other program holds it as QEMU and hive-vmm do, by an open file description lock.
machine "kernel: debian, disks: [{path: disk.img}]"
python3 -c '
import fcntl, struct, time
disk = open("disk.img", "r+b")
F_OFD_SETLK = 37
fcntl.fcntl(disk, F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
open("held", "w")
time.sleep(1000)' &
holder=$!
for _ in $(seq 120); do
  [[ ! -e held ]] || break
  sleep 0.5
done
[[ -e held ]] || fail "the disk has not been locked"
refused "a busy disk" 'disk\.img: busy: another cell or program is using it; stop that one' hive up m.yaml
kill "$holder"

mv /dev/kvm /dev/kvm.hidden
refused "no /dev/kvm" 'there is no /dev/kvm.*; (switch virtualisation on|load its module)' hive up m.yaml
mv /dev/kvm.hidden /dev/kvm
chmod 755 "$scratch"
chown -R nobody "$scratch"
refused "no permission on /dev/kvm" 'may not open /dev/kvm \(group .*, mode .*\); (join its group|give it to a group)' setpriv --reuid nobody --clear-groups \
  env HIVE_RUNTIME_DIR="$HIVE_RUNTIME_DIR" "$(command -v hive)" up m.yaml
