// Ratios in integers: policies run where there is no floating point.
#pragma once

#include <cstdint>
#include <limits>

namespace hive::policy {

inline constexpr std::uint32_t kWhole = 1000;  ///< All of it, in permille.

/// PART of WHOLE in permille, rounded down; kWhole at most. 0 of 0 is 0. Above 2^54 the last bits
/// do not count.
constexpr std::uint32_t permille(std::uint64_t part, std::uint64_t whole) {
  if (part >= whole) return whole == 0 ? 0 : kWhole;
  constexpr std::uint64_t kSafe = std::numeric_limits<std::uint64_t>::max() / kWhole;
  while (part > kSafe) {
    part >>= 1U;
    whole >>= 1U;
  }
  return static_cast<std::uint32_t>(part * kWhole / whole);
}

/// COUNT events in INTERVAL nanoseconds, as a number a second, rounded down; the largest number
/// where it would be larger. 0 where INTERVAL is 0.
constexpr std::uint64_t per_second(std::uint64_t count, std::uint64_t interval) {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  if (interval == 0) return 0;
  if (count > kMost / kSecond) return kMost;
  return count * kSecond / interval;
}

/// FIRST + SECOND, or the largest number where that would be larger.
constexpr std::uint64_t sum(std::uint64_t first, std::uint64_t second) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  return first > kMost - second ? kMost : first + second;
}

}  // namespace hive::policy
