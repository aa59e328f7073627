#include "cellmon/control/cpu/nice_weight.h"

#include <algorithm>
#include <array>

namespace hive::control {
namespace {

/// Linux' sched_prio_to_weight (kernel/sched/core.c), from kLeastNice on.
constexpr std::array<std::uint32_t, 40> kShares{
    88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904,
    3906,  3121,  2501,  1991,  1586,  1277,  1024,  820,   655,   526,   423,  335,  272,  215,
    172,   137,   110,   87,    70,    56,    45,    36,    29,    23,    18,   15};
constexpr std::uint64_t kShareOfZero = 1024;
constexpr std::uint64_t kWeightOfZero = 100;

std::uint64_t share_of(int nice) {
  return kShares.at(static_cast<std::size_t>(std::clamp(nice, kLeastNice, kMostNice) - kLeastNice));
}

}  // namespace

int nice_of_weight(std::uint32_t weight) {
  const std::uint64_t wanted = weight * kShareOfZero;  // In parts of a weight's hundredth.
  int best = kMostNice;
  for (int nice = kMostNice - 1; nice >= kLeastNice; --nice) {
    // The geometric mean of two neighbours is where one becomes nearer than the other.
    const std::uint64_t low = share_of(nice + 1) * kWeightOfZero;
    const std::uint64_t high = share_of(nice) * kWeightOfZero;
    if (wanted * wanted < low * high) break;
    best = nice;
  }
  return best;
}

int shift_nice(int nice, int steps) { return std::clamp(nice + steps, kLeastNice, kMostNice); }

std::uint32_t weight_of_nice(int nice, int base) {
  const std::uint64_t weight =
      (share_of(nice) * kWeightOfZero + share_of(base) / 2) / share_of(base);
  return static_cast<std::uint32_t>(std::max<std::uint64_t>(weight, 1));
}

}  // namespace hive::control
