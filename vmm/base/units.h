// Sizes in bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hive {

inline constexpr std::uint64_t kKiB = 1024;
inline constexpr std::uint64_t kMiB = 1024 * kKiB;
inline constexpr std::uint64_t kGiB = 1024 * kMiB;
inline constexpr std::uint64_t kPageSize = 4 * kKiB;
inline constexpr std::uint64_t kHugePageSize = 2 * kMiB;

/// VALUE rounded up to a multiple of ALIGNMENT, a power of two. Wraps when the result exceeds 2^64.
constexpr std::uint64_t align_up(std::uint64_t value, std::uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

constexpr std::uint64_t align_down(std::uint64_t value, std::uint64_t alignment) {
  return value & ~(alignment - 1);
}

constexpr bool is_aligned(std::uint64_t value, std::uint64_t alignment) {
  return (value & (alignment - 1)) == 0;
}

/// Reads "256MiB", "1GiB", "4KiB" or "512B". The unit is required and the number is whole; anything
/// else, or a size of 2^64 and more, gives nothing.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// The size in the largest unit that divides it: "256MiB", "1GiB", "5B".
std::string format_size(std::uint64_t bytes);

}  // namespace hive
