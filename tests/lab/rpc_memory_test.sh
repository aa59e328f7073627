#!/usr/bin/env bash
# lab: inside timeout=560
# Calls between two stock cells go through their memory where both have some, and over vsock where
# that is asked for; when the callee's cell ends, so do calls through memory.
source "$(dirname "$0")/lib.sh"

calls=${HIVE_RPC_CALLS:-200}

cat >fast.yaml <<END
machine: fast
defaults: {memory: 96MiB, kernel: debian, shared: 4MiB}
cells: [{name: alpha}, {name: beta}]
END
hive up fast.yaml
in_cell alpha sh -c 'hivectl rpc serve --echo --workers 0 echo >/dev/null 2>&1 & sleep 2'

await_ok 60 in_cell beta hivectl rpc ping alpha:echo

# bench PATH: figures of calls by it, as JSON.
bench() {
  in_cell beta hivectl rpc bench alpha:echo --path "$1" --calls "$calls" --timeout 60 \
    --sizes 0,128,4096,65536
}
path_of() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["path"])' "$1"; }

step "calls choose memory by themselves"
bench auto >auto.json
cat auto.json
[[ $(path_of auto.json) == memory ]] || fail "calls went by the $(path_of auto.json)"

step "and the socket where they are told to"
bench socket >socket.json
cat socket.json
[[ $(path_of socket.json) == socket ]] || fail "calls went by the $(path_of socket.json)"

# The lab has one CPU for both cells, so that spinning is in vain: no bound on the ratio.
python3 - auto.json socket.json <<'END'
import json, sys
memory, socket = (json.load(open(path))["sizes"] for path in sys.argv[1:])
for near, far in zip(memory, socket):
    print(f'{near["bytes"]} bytes: {near["median"]} ns in memory, {far["median"]} ns by socket, '
          f'{near["median"] / far["median"]:.3f}')
END

step "nothing is left of it"
[[ -z $(in_cell beta hivectl section list | grep 'beta.*rpc\.' || true) ]] ||
  fail "beta's section was not destroyed"

step "calls end with the callee's cell"
in_cell beta sh -c "hivectl rpc bench alpha:echo --path memory --calls 1000000 --timeout 120 \
  --sizes 0 2>&1 || true" >dead.out &
caller=$!
sleep 5
hive reboot --force alpha
start=$SECONDS
wait "$caller" || true
cat dead.out
grep -q "failed" dead.out || fail "the caller was not told that the callee's cell failed"
((SECONDS - start < 60)) || fail "the caller waited $((SECONDS - start)) s"
