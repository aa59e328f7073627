#!/usr/bin/env bash
# lab: inside timeout=560
# Stock cells talk by AF_VSOCK with Debian's socat: to each other by CID, to sockets on the host and
# back. What the plan forbids is refused, and the reboot of a cell resets its connections at once.
source "$(dirname "$0")/lib.sh"

mib=${HIVE_VSOCK_MIB:-40}

# The cells' initramfs with Debian's own socat and its libraries laid over it.
initrd_with_socat() {
  local root=$scratch/socat library
  mkdir -p "$root/usr/bin"
  cp /usr/bin/socat "$root/usr/bin/"
  for library in $(ldd /usr/bin/socat | grep -o '/[^ ]*'); do
    mkdir -p "$root$(dirname "$library")"
    cp --dereference "$library" "$root$library"
  done
  (cd "$root" && find . -mindepth 1 | cpio --quiet -o -H newc -R 0:0) >"$scratch/socat.cpio"
  cat "$IMAGES/debian/initrd.cpio" "$scratch/socat.cpio" >"$1"
}
initrd_with_socat "$scratch/initrd.cpio"

# A word that SOCAT-ADDRESS of the cell gives back, if its other end is an echo.
echo_in() { in_cell "$1" sh -c "echo $3 | socat -t 20 - $2"; }

# serve CELL PORT: an echo server in the cell.
serve() { in_cell "$1" sh -c "socat -t 60 VSOCK-LISTEN:$2,fork EXEC:cat >/dev/null 2>&1 & sleep 1"; }

cat >talk.yaml <<END
machine: talk
rpc: {calls: [{from: alpha, to: [beta]}]}
defaults: {memory: 128MiB, initrd: $scratch/initrd.cpio, agent: true}
cells:
  - name: alpha
    vsock:
      - {port: 5000, path: app.sock}
      - {port: 5001, path: nobody.sock}
      - {port: 22, listen: alpha.sock}
  - name: beta
END
hive up talk.yaml

step "the agent names the cells"
[[ $(in_cell alpha cat /run/hive/cells) == $'3 alpha\n4 beta' ]] || fail "alpha has other names"
[[ $(in_cell beta cat /run/hive/cells) == $'3 alpha\n4 beta' ]] || fail "beta has other names"

step "alpha calls beta by CID"
serve beta 7000
[[ $(echo_in alpha VSOCK-CONNECT:4:7000,retry=60 hello) == hello ]] || fail "beta gives no echo"

step "$mib MiB go there and back at once"
# One process writes and another one reads, each with the connection itself: a socat in between
# does both by turns, and two of them can wait for each other for ever.
in_cell beta sh -c 'socat VSOCK-LISTEN:7001,fork EXEC:cat,nofork >/dev/null 2>&1 & sleep 1'
sums=$(in_cell alpha sh -c "
  head -c 1048573 /dev/urandom >/tmp/piece
  cat >/tmp/feed <<'END'
for i in \$(seq $mib); do echo \$i; cat /tmp/piece; done
END
  cat >/tmp/both <<'END'
sh /tmp/feed &
head -c \$(cat /tmp/size) | md5sum >/tmp/back
wait
END
  sh /tmp/feed | wc -c >/tmp/size
  sh /tmp/feed | md5sum
  socat VSOCK-CONNECT:4:7001,retry=60 EXEC:'sh /tmp/both',nofork
  cat /tmp/back")
printf '%s\n' "$sums"
(($(sort -u <<<"$sums" | wc -l) == 1 && $(wc -l <<<"$sums") == 2)) || fail "the checksums differ"
hive rpc
hive rpc --json | python3 -c '
import json, sys
alpha, beta = json.load(sys.stdin)["machines"][0]["cells"]
least = int(sys.argv[1]) * 1048573
assert alpha["answered"] and beta["answered"], "a VMM does not answer"
out = alpha["peers"][0]["counters"]["bytes_out"]
back = alpha["peers"][0]["counters"]["bytes_in"]
assert out >= least and back >= least, f"alpha counts {out} out, {back} in"
for cell in (alpha, beta):
    counters = cell["peers"][0]["counters"]
    for trouble in ("malformed", "stale", "over_credit", "overflows"):
        assert counters[trouble] == 0, f"{cell} counts {trouble}"' "$mib" || fail "the counters are wrong"

step "beta may not call alpha"
serve alpha 7000
! echo_in beta VSOCK-CONNECT:3:7000 hello || fail "beta called alpha"
hive rpc --json | python3 -c '
import json, sys
alpha, beta = json.load(sys.stdin)["machines"][0]["cells"]
assert beta["peers"][0]["may_call"] is False
assert beta["peers"][0]["counters"]["refused"] > 0' || fail "the refusal is not counted"

step "alpha calls a socket of the host"
socat -t 20 UNIX-LISTEN:app.sock,fork EXEC:cat &
server=$!
for _ in {1..600}; do [[ -S app.sock ]] && break || sleep 0.1; done
[[ $(echo_in alpha VSOCK-CONNECT:2:5000 upstairs) == upstairs ]] || fail "the host gives no echo"
! echo_in alpha VSOCK-CONNECT:2:5001 upstairs || fail "nobody listens, but alpha was connected"
! echo_in alpha VSOCK-CONNECT:2:5002 upstairs || fail "the plan has no such port"
! echo_in beta VSOCK-CONNECT:2:5000 upstairs || fail "it is alpha's port"
kill "$server"

step "the host calls alpha"
serve alpha 22
[[ $(stat -c %a alpha.sock) == 600 ]] || fail "others may call alpha"
heard() { [[ $(echo downstairs | socat -t 20 - UNIX-CONNECT:alpha.sock) == downstairs ]]; }
await_ok 60 heard || fail "alpha gives no echo"

step "a reboot of beta resets alpha's connection at once"
in_cell alpha sh -c '
  { socat -t 1 -u VSOCK-CONNECT:4:7000 - >/dev/null 2>/tmp/socat.err; echo over >/tmp/over; } >/dev/null 2>&1 &
  sleep 2
  [ ! -e /tmp/over ]' || fail "alpha cannot hold a connection to beta"
hive reboot --force beta &
reboot=$!
in_cell alpha sh -c '
  for i in $(seq 100); do [ -e /tmp/over ] && break; sleep 0.1; done
  cat /tmp/over /tmp/socat.err' | tee ended
grep -q over ended || fail "alpha's connection outlived beta's incarnation by 10 s"
wait "$reboot"
await_state beta running 120
serve beta 7000
[[ $(echo_in alpha VSOCK-CONNECT:4:7000,retry=60 again) == again ]] || fail "the new beta gives no echo"

step "down"
hive down
[[ ! -e alpha.sock ]] || fail "a socket is left"
assert_no_processes
