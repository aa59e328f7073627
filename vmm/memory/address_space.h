// Pieces of this process's address space.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hive::memory {

/// SIZE bytes of address space at a 2 MiB boundary, so that stage 2 can use 2 MiB entries, with
/// nothing mapped there. Whoever maps over it unmaps it. Throws Error, which starts with WHAT.
std::byte* reserve_aligned(std::uint64_t size, std::string_view what);

}  // namespace hive::memory
