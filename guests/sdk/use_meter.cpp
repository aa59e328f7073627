#include "guests/sdk/use_meter.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace hive::sdk {

std::uint64_t UseMeter::add(std::uint32_t home, std::uint32_t number, std::uint64_t count,
                            Time now) {
  if (number == 0 || count == 0) return 0;
  const std::lock_guard lock(mutex_);
  auto* entry = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& each) {
    return each.number == number && each.home == home;
  });
  if (entry == entries_.end()) {
    entry = std::min_element(
        entries_.begin(), entries_.end(),
        [](const Entry& one, const Entry& other) { return one.told < other.told; });
    *entry = {home, number, 0, now};
  }
  constexpr std::uint64_t kMostCounted = std::numeric_limits<std::uint64_t>::max();
  entry->count = count > kMostCounted - entry->count ? kMostCounted : entry->count + count;
  if (now - entry->told < kPeriod) return 0;
  entry->told = now;
  return std::exchange(entry->count, 0);
}

}  // namespace hive::sdk
