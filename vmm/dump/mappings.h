// What of RAM a guest's kernel has mapped where, read from its page tables.
#pragma once

#include <span>
#include <vector>

#include "vmm/dump/core_file.h"
#include "vmm/memory/guest_memory.h"

namespace hive::dump {

/// The mappings of the upper half of the address space, which is the kernel's, by the page tables
/// of the first of CPUS that runs a kernel in long mode (Intel SDM vol. 3A, 4.5); none where there
/// is no such. In order; what is adjacent is one mapping. A table counts once: a kernel may have
/// it in many places. Where there are more than kMaxMappings, the longest.
///
/// The tables are the guest's, and may be anything: time and memory are bounded.
std::vector<Mapping> kernel_mappings(const memory::GuestMemory& memory, std::span<const Cpu> cpus);

}  // namespace hive::dump
