// Pieces of this process's address space.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "vmm/base/units.h"

namespace hive::memory {

/// SIZE bytes of address space at a multiple of ALIGNMENT, with nothing mapped there. ALIGNMENT is
/// a power of two, at least a page; by default 2 MiB, so that stage 2 can use 2 MiB entries.
/// Whoever maps over it unmaps it. Throws Error, which starts with WHAT.
std::byte* reserve_aligned(std::uint64_t size, std::string_view what,
                           std::uint64_t alignment = kHugePageSize);

}  // namespace hive::memory
