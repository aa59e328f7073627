#!/usr/bin/env bash
# lab: inside timeout=600
# Three stock cells and Wax: a job that needs more memory than its cell has finishes with what idle
# cells lend, and is killed without; the memory goes home afterwards.
source "$(dirname "$0")/lib.sh"

cat >wax.yaml <<END
machine: wax
defaults: {memory: 192MiB, max_memory: 384MiB, reserve: 96MiB, kernel: debian}
cells:
- {name: a}
- {name: b}
- {name: c}
- {name: wax, role: policy, policy: memory}
END
hive up wax.yaml
hive status | grep -F 'Wax, policy memory' || fail "hive status does not tell of Wax"

# Lines of ten kilobytes, slowly: 4 MB each half second. The job keeps them all.
cat >feed <<'END'
i=0
while [ $i -lt 45 ]; do
  yes "$(printf '%09999d' $i)" | head -n 400
  sleep 0.5
  i=$((i + 1))
done
END
job="($(cat feed)) | awk '{a[NR] = \$0} END {for (i = 1; i <= NR; ++i) print a[i]}' | sha256sum"
wanted=$(sed 's/sleep.*//' feed | sh | sha256sum)

# total CELL: MiB that the guest has. loans: who lends and who borrows, by hive status.
total() { in_cell "$1" sh -c "sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo" | awk '{print int($1 / 1024)}'; }
loans() { hive status | grep -E 'lends|borrows' || true; }
lent() { echo $(($(field b lent) + $(field c lent))); }

step "without Wax the job is killed"
hive pause wax
own=$(total a)
if [[ $(in_cell a sh -c "$job" 2>&1) == *"$wanted"* ]]; then fail "it fits into $own MiB"; fi
in_cell a dmesg | grep -i 'killed process.*awk' || fail "the guest's kernel did not kill it"
[[ $(lent) == 0 && $(field a borrowed) == 0 ]] || fail "$(loans)"

step "with Wax it finishes"
hive resume wax
in_cell a sh -c "$job" >result 2>&1 &
runs=$!
most=0
while kill -0 "$runs" 2>/dev/null; do
  now=$(field a borrowed)
  if ((now > most)); then
    most=$now
    loans
  fi
  sleep 2
done
wait "$runs" || fail "the job ended with $(cat result)"
[[ $(cat result) == "$wanted" ]] || fail "the job came to $(cat result), not $wanted"
((most >= 32 << 20)) || fail "it borrowed $most bytes at most"
hive events wax | grep -F '  loan-granted: a: lends it' || fail "no event tells of a loan"

step "the memory goes home"
end=$((SECONDS + 180))
until [[ $(lent) == 0 && $(field a borrowed) == 0 ]]; do
  ((SECONDS < end)) || fail "$(loans)"
  sleep 1
done
end=$((SECONDS + 60))
until (($(total a) <= own + 2)); do
  ((SECONDS < end)) || fail "a has $(total a) MiB, and had $own"
  sleep 1
done

step "nobody was the worse for it"
hive events wax | grep -F '  loan-returned: a: has' || fail "no event tells of its return"
hive events wax | grep -E 'alert|failed|hang' && fail "somebody was"
hive metrics wax --prometheus | grep -E '^hive_(hints|wax|lent|borrowed|loan)' | grep -v ' 0$'

hive down
assert_no_processes
