// What a CPU weight is as a nice value, and the other way round.
#pragma once

#include <cstdint>

namespace hive::control {

inline constexpr int kLeastNice = -20;  ///< Most of the CPU.
inline constexpr int kMostNice = 19;

/// The nice value whose share comes nearest to WEIGHT, 1 to 10000 as of cgroup v2, by ratio: 0 for
/// 100. Each step is a factor of 1.25; weights below 1.46 and above 8668 are out of reach, and get
/// kMostNice and kLeastNice.
int nice_of_weight(std::uint32_t weight);

/// NICE and STEPS further, within the bounds.
int shift_nice(int nice, int steps);

/// The weight that a process at NICE has beside one at BASE that counts as 100; at least 1.
std::uint32_t weight_of_nice(int nice, int base);

}  // namespace hive::control
