#!/usr/bin/env bash
# lab: inside timeout=560
# Programs in stock cells call each other by name with libhive. The server's cell is killed in the
# middle of a thousand calls: each ends with a reply or "peer failed", none waits past its deadline,
# and neither the guest nor its VMM nor its monitor keeps anything.
source "$(dirname "$0")/lib.sh"

calls=1000
deadline=60 # Seconds; all calls together take 12.5 at least.

mkdir -p "$scratch/root/bin"
cp "$HIVE_ROOT/build/release/bin/rpc_crowd" "$scratch/root/bin/"
(cd "$scratch/root" && find . -mindepth 1 | cpio --quiet -o -H newc -R 0:0) >"$scratch/crowd.cpio"
cat "$IMAGES/debian/initrd.cpio" "$scratch/crowd.cpio" >"$scratch/initrd.cpio"

cat >calls.yaml <<END
machine: calls
defaults: {memory: 128MiB, initrd: $scratch/initrd.cpio, agent: true}
cells: [{name: alpha}, {name: beta}]
END
hive up calls.yaml

descriptors() { find "/proc/$1/fd" -mindepth 1 | wc -l; }
kilobytes() { awk '/^VmRSS/ {print $2}' "/proc/$1/status"; }
maps() { wc -l <"/proc/$1/maps"; }

step "hivectl serves and calls by name"
in_cell beta sh -c 'hivectl rpc serve upper -- tr a-z A-Z >/dev/null 2>&1 & sleep 1'
await_ok 60 in_cell alpha hivectl rpc ping beta:upper
[[ $(in_cell alpha sh -c 'echo hello | hivectl rpc call beta:upper') == HELLO ]] || fail "no reply"
if in_cell alpha sh -c 'echo hello | hivectl rpc call beta:nobody' 2>refusal; then fail "nobody replied"; fi
cat refusal

serve_crowd() { in_cell beta sh -c 'rpc_crowd serve >/dev/null 2>&1 & sleep 1'; }

step "a crowd of $calls calls is answered"
serve_crowd
in_cell alpha rpc_crowd call beta "$calls" "$deadline" | tee crowd
grep -q "^$calls .*" crowd && grep -q '^wrong 0$' crowd && grep -q '^descriptors +0$' crowd ||
  fail "the crowd was not answered"

vmm=$(field alpha vmm_pid)
monitor=$(field alpha monitor_pid)
before="$(descriptors "$vmm") $(maps "$vmm") $(descriptors "$monitor")"
memory=$(kilobytes "$vmm")

for round in 1 2; do
  step "beta's VMM is killed in the middle of $calls calls ($round)"
  in_cell alpha rpc_crowd call beta "$calls" "$deadline" >crowd &
  crowd=$!
  for _ in $(seq 600); do grep -q started crowd && break || sleep 0.1; done
  sleep 1
  kill -9 "$(field beta vmm_pid)"
  wait "$crowd" || fail "the callers failed"
  cat crowd
  python3 - "$calls" "$deadline" <<'END' || fail "the calls ended otherwise"
import re, sys
calls, deadline = map(int, sys.argv[1:])
text = open("crowd").read()
ended = {what: int(count) for count, what in re.findall(r"^(\d+) (.*)$", text, re.M)}
assert sum(ended.values()) == calls, ended
failed = [count for what, count in ended.items() if "failed" in what]
assert sum(failed) > 0, f"no call was told that its peer failed: {ended}"
assert len(ended) - len(failed) <= 1, f"other ends: {ended}"
longest = int(re.search(r"^longest (\d+) ms", text, re.M)[1])
assert longest < deadline * 1000, f"a call took {longest} ms"
assert "wrong 0\n" in text and "descriptors +0\n" in text
END
  await_state beta failed 120
  hive reboot beta
  await_state beta running 120
  serve_crowd
  [[ $(in_cell alpha rpc_crowd call beta 16 20 | head -2 | tail -1) == "16 "* ]] || fail "the new beta does not answer"
done

step "nothing is left of it"
after="$(descriptors "$vmm") $(maps "$vmm") $(descriptors "$monitor")"
printf 'descriptors and mappings of the VMM, descriptors of the monitor: %s before, %s after\n' "$before" "$after"
printf 'memory of the VMM: %d KiB before, %d KiB after\n' "$memory" "$(kilobytes "$vmm")"
[[ $before == "$after" ]] || fail "something is left"

step "down"
hive down
assert_no_processes
