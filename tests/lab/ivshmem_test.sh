#!/usr/bin/env bash
# lab: inside timeout=400
# A program for QEMU's ivshmem that knows nothing of Hive works on the global memory device; the
# window is cached write-back; and a stock kernel has nothing to say against either.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
images=${HIVE_IMAGES:-$root/build/images}
exec "$here/ivshmem_peers.py" "$root/build/release/bin/ivshmem_guest" "$images/debian/vmlinux"
