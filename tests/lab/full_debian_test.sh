#!/usr/bin/env bash
# lab: inside timeout=590
# A whole Debian with systemd: it reaches multi-user.target from virtio-blk, its agent answers, and
# `systemctl poweroff` in it ends the cell as off.
source "$(dirname "$0")/lib.sh"

# The example as it is, but that the cell writes to a sparse copy in the lab's memory.
cp --sparse=always "$IMAGES/debian-root/root.ext4" root.img
sed "s|\.\./build/images/debian-root/root\.ext4|root.img|; s|\.\./build/images|$IMAGES|" \
  "$HIVE_ROOT/examples/full-debian.yaml" >full-debian.yaml
grep -q 'path: root.img' full-debian.yaml || fail "the example names another disk"
hive up full-debian.yaml --timeout 300

step "multi-user.target, with no unit failed"
end=$((SECONDS + 180))
until [[ $(in_cell debian systemctl is-active multi-user.target || true) == active ]]; do
  ((SECONDS < end)) || fail "multi-user.target is not reached; jobs: $(in_cell debian systemctl list-jobs)"
  sleep 1
done
failed=$(in_cell debian systemctl list-units --failed --no-legend --plain)
[[ -z $failed ]] || fail "units failed: $failed"
! in_cell debian dmesg | grep -E 'Oops|BUG:|invalid opcode|Call Trace' || fail "the kernel oopsed"
[[ $(in_cell debian findmnt -no SOURCE /) == /dev/vda ]] || fail "the root is not /dev/vda"

step "systemctl poweroff"
in_cell debian systemctl poweroff || true
await_state debian off 120
hive down
assert_no_processes
e2fsck -fn root.img || fail "the filesystem was not left clean"
