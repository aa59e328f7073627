// Where boot puts what a kernel reads as it starts, below layout::kLowRam's end. Linux copies what
// it needs before it uses this memory.
#pragma once

#include <cstdint>

#include "vmm/base/error.h"
#include "vmm/base/units.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/memory/layout.h"

namespace hive::boot {

inline constexpr std::uint64_t kGdt = memory::layout::kBootData;
inline constexpr std::uint64_t kParameters = kGdt + kPageSize;  ///< Zero page or hvm_start_info.
inline constexpr std::uint64_t kPageTables = kParameters + kPageSize;
inline constexpr std::uint64_t kPageTablesSize = 6 * kPageSize;  ///< PML4, PDPT, four directories.
inline constexpr std::uint64_t kCmdline = 0x2'0000;
inline constexpr std::uint64_t kCmdlineRoom = 0x1'0000;

static_assert(kPageTables + kPageTablesSize <= kCmdline);
static_assert(kCmdline + kCmdlineRoom <= memory::layout::kLowRam.end());

/// Writes VALUE at ADDRESS. Throws Error when that is not RAM, as only a hole in the first MiB
/// makes it.
template <typename T>
void put(const memory::GuestMemory& memory, std::uint64_t address, const T& value) {
  if (!memory.store({address}, value)) throw Error("boot: the cell has no memory below 1 MiB");
}

}  // namespace hive::boot
