// The processor modes in which kernels are entered.
#pragma once

#include <cstdint>

#include "vmm/boot/boot_state.h"
#include "vmm/memory/guest_memory.h"

namespace hive::boot {

/// SEGMENT as a GDT entry (Intel SDM 3A, figure 3-8). A 64-bit task segment needs a second entry,
/// of its base's upper half.
std::uint64_t encode_descriptor(const Segment& segment);

/// 64-bit mode with the first 4 GiB mapped one to one by 2 MiB pages, and the GDT that the Linux
/// boot protocol asks for. Writes both into MEMORY. The caller sets rip and rsi.
BootState enter_long_mode(const memory::GuestMemory& memory);

/// 32-bit protected mode with flat segments and no paging, as PVH asks. Writes the GDT into
/// MEMORY. The caller sets rip and rbx.
BootState enter_protected_mode(const memory::GuestMemory& memory);

}  // namespace hive::boot
