#!/usr/bin/env bash
# The guest's pmake (images/pmake) over sources and a compiler of our own: each file is one worker's, and
# wrong command lines are told clearly.
set -euo pipefail

pmake=$(cd "$(dirname "$0")/../.." && pwd)/images/pmake
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() {
  echo "FAILED: $*" >&2
  exit 1
}

mkdir "$scratch/src"
for name in a b c d e f g luac; do echo "int $name;" >"$scratch/src/$name.c"; done
cat >"$scratch/cc" <<'END'
#!/bin/sh
# -c -D... -I... -o OBJECT SOURCE
[ "$5" != bad.o ] || exit 1
cp "$6" "$5"
END
chmod 755 "$scratch/cc"
export PMAKE_SOURCES=$scratch/src PMAKE_TCC=$scratch/cc

all=$("$pmake" --jobs 2 --rounds 2)
[[ $(wc -l <<<"$all") == 7 ]] || fail "not each file but luac.c is compiled: $all"
for workers in 1 2 3 7; do
  shares=$(for ((rank = 0; rank < workers; ++rank)); do "$pmake" --workers "$workers" --rank "$rank"; done)
  [[ $(sort -k 2 <<<"$shares") == "$all" ]] || fail "$workers workers' shares are not all files once: $shares"
done

# refused STATUS WORD... : pmake ends so, says why, and prints nothing else.
refused() {
  local wanted=$1 status=0
  shift
  "$pmake" "$@" >"$scratch/out" 2>"$scratch/err" || status=$?
  [[ $status == "$wanted" && ! -s $scratch/out ]] || fail "pmake $*: status $status, $(cat "$scratch/out")"
  grep -q '^pmake: ' "$scratch/err" || fail "pmake $* does not say what is wrong: $(cat "$scratch/err")"
}
refused 2 --workers 0
refused 2 --workers
refused 2 --workers x
refused 2 --rank 1
refused 2 --workers 2 --rank 2
refused 2 --workers 8 --rank 0
refused 2 --rounds 99999999999999999999
refused 2 something
PMAKE_SOURCES=/nonexistent refused 1
echo 'int bad;' >"$scratch/src/bad.c"
refused 1
"$pmake" --help | grep -q '^Usage: pmake' || fail "no help"
