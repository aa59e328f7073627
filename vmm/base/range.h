// Half-open ranges of unsigned 64-bit values: addresses, sectors, ports.
#pragma once

#include <cstdint>

namespace hive {

/// The values from `start` to `start + size - 1`. Makers keep `start + size` at or below 2^64 - 1;
/// with untrusted input, use fits_within(), which cannot wrap.
struct Range {
  std::uint64_t start = 0;
  std::uint64_t size = 0;

  [[nodiscard]] constexpr std::uint64_t end() const { return start + size; }
  [[nodiscard]] constexpr bool contains(std::uint64_t value) const {
    return value >= start && value - start < size;
  }
  [[nodiscard]] constexpr bool overlaps(const Range& other) const {
    return start < other.end() && other.start < end();
  }
  friend constexpr bool operator==(const Range&, const Range&) = default;
};

/// Whether LENGTH bytes at OFFSET lie within SIZE bytes. Never wraps.
constexpr bool fits_within(std::uint64_t offset, std::uint64_t length, std::uint64_t size) {
  return offset <= size && length <= size - offset;
}

}  // namespace hive
