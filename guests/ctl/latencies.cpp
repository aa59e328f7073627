#include "guests/ctl/latencies.h"

#include <algorithm>
#include <bit>

namespace hive::ctl {

std::size_t Latencies::place_of(std::uint64_t time) {
  if (time < kFine) return time;
  const auto shift = static_cast<unsigned>(std::bit_width(time)) - kFineBits;
  // The upper kFineBits bits of the time, the first of which is set.
  return kFine + (shift - 1) * (kFine / 2) + (time >> shift) - kFine / 2;
}

/// In the middle of those that PLACE counts.
std::uint64_t Latencies::time_at(std::size_t place) {
  if (place < kFine) return place;
  const std::size_t above = place - kFine;
  const std::size_t shift = above / (kFine / 2) + 1;
  const std::uint64_t upper = above % (kFine / 2) + kFine / 2;
  return (upper << shift) + (std::uint64_t{1} << (shift - 1));
}

void Latencies::add(std::int64_t time) {
  time = std::max<std::int64_t>(time, 0);
  ++counts_[place_of(static_cast<std::uint64_t>(time))];
  ++count_;
  min_ = std::min(min_, time);
  max_ = std::max(max_, time);
}

std::int64_t Latencies::percentile(unsigned percent) const {
  if (count_ == 0) return 0;
  const std::uint64_t before =
      std::min(count_ - 1, count_ / 100 * percent + count_ % 100 * percent / 100);
  if (before == count_ - 1) return max_;
  std::uint64_t passed = 0;
  for (std::size_t place = 0; place < kPlaces; ++place) {
    passed += counts_[place];
    if (passed > before) {
      return std::clamp(static_cast<std::int64_t>(time_at(place)), min_, max_);
    }
  }
  return max_;
}

}  // namespace hive::ctl
