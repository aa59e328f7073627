#!/usr/bin/env bash
# lab: inside timeout=600
# A stock kernel panics in a cell whose memory is to be kept: the core file is whole before the cell
# comes back, and holds what debuggers look for.
source "$(dirname "$0")/lib.sh"

mkdir crashes
cat >dumps.yaml <<END
machine: dumps
defaults: {memory: 96MiB, kernel: debian}
cells:
  - {name: a}
  - {name: b, crash_dump: crashes, on_failure: reboot}
  - {name: c}
END
hive up dumps.yaml
in_cell b sh -c 'echo "a word that only the guest knows: $((6 * 7))" >/run/word'

step "a guest panics"
in_cell b sh -c '(sleep 0.2; echo c >/proc/sysrq-trigger) >/dev/null 2>&1 &'
end=$((SECONDS + 300))
until [[ $(field b incarnation) == 2 && $(state b) == running ]]; do
  ((SECONDS < end)) || fail "b has not come back"
  sleep 0.5
done
[[ $(in_cell b echo back) == back ]] || fail "b does not answer"
[[ $(field a incarnation) == 1 && $(state a) == running ]] || fail "a has not gone on"
hive events dumps | grep -E 'dump|left|joined|starting'

step "its core file is whole"
core=crashes/dumps-b-1.core
[[ $(ls -A crashes) == dumps-b-1.core ]] || fail "there is more or less: $(ls -A crashes)"
hive events dumps | grep -q "dumped: $PWD/$core, .* MiB in .* s" || fail "nobody told of it"
((96 * 1024 >= $(du -k "$core" | cut -f1))) || fail "it has no holes"
readelf -hln "$core" >elf 2>warnings || fail "readelf cannot read it"
[[ ! -s warnings ]] || fail "readelf warns: $(head -3 warnings)"
grep -q 'CORE (Core file)' elf || fail "it is no core file"
for note in 'CORE .*NT_PRSTATUS' 'QEMU ' 'VMCOREINFO '; do
  grep -Eq "$note" elf || fail "it lacks the note $note"
done
grep -aq 'Linux version 6.1' "$core" || fail "the kernel's banner is not in it"
grep -aq 'a word that only the guest knows: 42' "$core" || fail "the guest's file is not in it"

step "registers and symbols lead into the kernel"
python3 - "$core" <<'END' || fail "they do not"
import mmap, struct, sys
with open(sys.argv[1], "rb") as file:
    core = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
phoff, = struct.unpack_from("<Q", core, 32)
phnum, = struct.unpack_from("<H", core, 56)
segments = [struct.unpack_from("<IIQQQQQ", core, phoff + 56 * n) for n in range(phnum)]
_, _, note, _, _, size, _ = segments[0]
loads = segments[1:]

def at(address, length):
    for _, _, offset, start, _, size, _ in loads:
        if start <= address and address + length <= start + size:
            return core[offset + address - start:offset + address - start + length]
    raise KeyError(hex(address))

# NT_PRSTATUS is the first: its registers come after 112 bytes, rip is the 17th, rsp the 20th.
registers = struct.unpack_from("<27Q", core, note + 20 + 112)
rip, rsp = registers[16], registers[19]
print(f"  rip {rip:#x} rsp {rsp:#x}, {len(loads)} segments")
assert 0xffffffff80000000 <= rip < 0xffffffffff000000 and rsp >= 0xffff800000000000
assert any(at(rip, 16)) and any(at(rsp, 64))
# Where VMCOREINFO says that the kernel has its name, it has.
end = note + size
text = core[note:end].split(b"OSRELEASE=")[1].split(b"\0")[0].decode()
info = dict(line.split("=", 1) for line in ("OSRELEASE=" + text).splitlines() if "=" in line)
name = at(int(info["SYMBOL(init_uts_ns)"], 16), 512)
print(f"  release {info['OSRELEASE']}, kernel offset {info.get('KERNELOFFSET', '0')}")
assert b"Linux\0" in name and info["OSRELEASE"].encode() in name
END

step "down"
hive down
assert_no_processes
