// The one piece of firmware that a cell has.
#pragma once

#include "vmm/memory/guest_memory.h"

namespace hive::boot {

/// Writes, at layout::kResetVector, real-mode code that resets the cell. With hardware-reduced ACPI
/// and no EFI, Linux reboots by a jump to the BIOS entry at F000:FFF0, whatever the FADT's reset
/// register says. Throws Error when the cell has no RAM there.
void write_reset_vector(const memory::GuestMemory& memory);

}  // namespace hive::boot
