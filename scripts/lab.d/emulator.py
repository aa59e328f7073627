"""Tells failures of the emulator under the lab from failures of what runs in it.

The lab's machine is emulated, nested paging included. Now and then the emulator itself goes wrong:
the lab's own kernel oopses or loses its guests' clocks, or a guest below it is entered with
registers that no processor can have. None can be the doing of a VMM: the first are those of the
lab's kernel, which is a stock one, and the last needs bits in RFLAGS that the architecture fixes (AMD64 manual, volume 2, 3.1.6: bit 1 is
always one; bits 3, 5, 15 and 22 and above always zero).
"""
import re

_KERNEL_FAULTS = [
    re.compile(pattern)
    for pattern in (
        r"Kernel panic - not syncing: .*",
        r"Oops: .*",
        r"BUG: .*",
        r"general protection fault.*",
        r"double fault: .*",
        r"invalid opcode: .*",
        r"PANIC: .*",
        r"kernel BUG at .*",
        # Its guests' timers are late from then on, by as much as the machine is old.
        r"user requested TSC rate below hardware speed",
    )
]

# A panic that these explain is the lab's own doing, not the emulator's.
_OWN_FAULTS = re.compile(r"lab-(init|relay): .*")

# Register dumps: hive-vmm ("rflags 0x2"), QEMU ("RFL=00000002", "EFL=") and the kernel ("EFLAGS: ").
_RFLAGS = re.compile(
    rb"\brflags[ =:]+0x([0-9a-f]{1,16})\b|\b(?:rfl|efl|eflags)[ =:]+([0-9a-f]{8,16})\b", re.IGNORECASE
)

_ALWAYS_ONE = 1 << 1
_ALWAYS_ZERO = (1 << 3) | (1 << 5) | (1 << 15) | (((1 << 64) - 1) & ~((1 << 22) - 1))


def kernel_fault(console):
    """The line of the lab's console log that tells of a fault of its kernel, or None."""
    if _OWN_FAULTS.search(console):
        return None
    for line in console.splitlines():
        for pattern in _KERNEL_FAULTS:
            match = pattern.search(line)
            if match:
                return match.group(0).strip()
    return None


def own_fault(console):
    """The line in which the lab's own first steps say why they failed, or None."""
    match = _OWN_FAULTS.search(console)
    return match.group(0) if match else None


def impossible_flags(value):
    """Whether no processor can have VALUE in RFLAGS."""
    return not value & _ALWAYS_ONE or bool(value & _ALWAYS_ZERO)


class OutputScanner:
    """Looks through output, as it streams by, for register dumps that no processor can have."""

    _KEEP = 64  # bytes kept from one piece of output to the next: longer than any match

    def __init__(self):
        self._tail = b""
        self.finding = None

    def feed(self, data):
        text = self._tail + data
        for match in _RFLAGS.finditer(text):
            value = int(match.group(1) or match.group(2), 16)
            if self.finding is None and match.end() < len(text) and impossible_flags(value):
                self.finding = f"a guest was entered with impossible RFLAGS {value:#x}"
        self._tail = text[-self._KEEP :]
