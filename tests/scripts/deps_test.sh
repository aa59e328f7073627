#!/usr/bin/env bash
# scripts/deps finds what is missing: on a machine without any package, and on one that has all but a
# few. dpkg's own tools answer, from a database of the test's.

set -euo pipefail
deps=$(cd "$(dirname "$0")/../.." && pwd)/scripts/deps
DPKG_ADMINDIR=$(mktemp -d)
export DPKG_ADMINDIR
trap 'rm -rf "$DPKG_ADMINDIR"' EXIT

# expect WHAT WANTED: what is missing of the group lint.
expect() {
  local found
  found=$("$deps" --missing lint | tr '\n' ' ')
  [[ $found == "$2" ]] || { echo "FAILED: $1: missing are \"$found\", not \"$2\"" >&2; exit 1; }
}

expect "no package at all" "clang-format clang-tidy git python3 "

for package in git python3; do
  printf 'Package: %s\nStatus: install ok installed\nVersion: 1\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n\n' \
    "$package"
done >"$DPKG_ADMINDIR/status"
expect "two of four packages" "clang-format clang-tidy "
