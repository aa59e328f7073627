// The memory map that a kernel is told.
#pragma once

#include <cstdint>
#include <vector>

#include "vmm/base/range.h"
#include "vmm/memory/guest_memory.h"

namespace hive::boot {

/// Types of ranges (ACPI 6.4, table 15.4), the same in e820 and in PVH's map.
enum class MemoryKind : std::uint32_t { kRam = 1, kReserved = 2 };

struct MemoryMapEntry {
  Range range;
  MemoryKind kind{};
  friend constexpr bool operator==(const MemoryMapEntry&, const MemoryMapEntry&) = default;
};

/// The map of a guest with MEMORY: ascending, no two entries overlap. ECAM is reserved because
/// Linux uses it only then; so is GLOBAL, where the guest has global memory (empty: none), because
/// Linux leaves a reserved range alone and lets programs map it cached.
std::vector<MemoryMapEntry> make_memory_map(const memory::GuestMemory& memory,
                                            const Range& global = {});

}  // namespace hive::boot
