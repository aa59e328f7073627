// Names for files that are not kernels.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace hive::boot {

/// What a file that is no bootable kernel looks like by its first bytes, and what to do about it:
/// "gzip data; unpack it first". For an unknown file, only the remedy.
std::string describe_foreign(std::span<const std::byte> head);

}  // namespace hive::boot
