// Writing a guest's core file.
#pragma once

#include <vector>

#include "vmm/dump/core_file.h"
#include "vmm/memory/guest_memory.h"

namespace hive::dump {

/// Writes the core of a guest with MEMORY and CPUS, which stands still, to FILE, an empty regular
/// file that can be written, and flushes it to the disk. Pages that hold nothing but zeros become
/// holes, and those that the guest never touched are not looked at. The header comes last. Throws
/// Error, as when the disk is full; then the file is of no use.
void write_core(const memory::GuestMemory& memory, std::vector<Cpu> cpus, int file);

}  // namespace hive::dump
