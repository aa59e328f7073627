# Shared by the project's bash scripts: source it, it does nothing by itself.

set -euo pipefail

HIVE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
HIVE_IMAGES=${HIVE_IMAGES:-$HIVE_ROOT/build/images}
HIVE_SCRIPT=${0##*/}

# say TEXT...: one line of progress, on standard error so that output stays usable in pipes.
say() { printf '%s: %s\n' "$HIVE_SCRIPT" "$*" >&2; }

# die TEXT...: ends the script because an operation failed.
die() {
  printf '%s: error: %s\n' "$HIVE_SCRIPT" "$*" >&2
  exit 1
}

# usage_error TEXT...: ends the script because it was called wrongly.
usage_error() {
  printf '%s: %s (see %s --help)\n' "$HIVE_SCRIPT" "$*" "$HIVE_SCRIPT" >&2
  exit 2
}

# print_help FILE: the comment block that follows the first line of FILE.
print_help() { sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$1"; }

# need_tools PACKAGE-GROUP TOOL...: ends the script when a tool is missing, saying how to get it.
need_tools() {
  local group=$1 tool
  shift
  for tool; do
    command -v "$tool" >/dev/null || PATH="$PATH:/usr/sbin:/sbin" command -v "$tool" >/dev/null ||
      die "$tool is not installed; run scripts/deps $group"
  done
}

# unchanged STAMP TEXT: true when STAMP holds TEXT, which describes every input of a result.
unchanged() { [[ -f $1 && $(<"$1") == "$2" ]]; }

# with_progress LOG COMMAND...: runs COMMAND with its output in LOG, showing LOG's last line now and
# then, and its end when COMMAND fails.
with_progress() {
  local log=$1 pid started=$SECONDS
  shift
  mkdir -p "$(dirname "$log")"
  "$@" >"$log" 2>&1 &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.5
    ((SECONDS - started < 15)) || {
      started=$SECONDS
      say "$(tail -n 1 "$log" | cut -c1-100)"
    }
  done
  wait "$pid" || {
    tail -n 30 "$log" >&2
    return 1
  }
}
