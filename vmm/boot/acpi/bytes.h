// Little-endian bytes, appended one value after another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace hive::boot::acpi {

/// Appends the WIDTH low bytes of VALUE.
inline void append_le(std::vector<std::byte>& out, std::uint64_t value, unsigned width) {
  for (unsigned i = 0; i < width; ++i) out.push_back(std::byte(value >> 8 * i));
}

inline void append(std::vector<std::byte>& out, std::span<const std::byte> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace hive::boot::acpi
