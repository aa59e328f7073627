#include "cellmon/placement/use_counts.h"

#include <algorithm>
#include <limits>

namespace hive::placement {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kMostCounted = std::numeric_limits<std::uint32_t>::max();

/// COUNT, at most kMostCounted, in ELAPSED nanoseconds, as so many a second.
std::uint32_t rate_of(std::uint64_t count, Time elapsed) {
  return static_cast<std::uint32_t>(std::min(count * kSecond / elapsed, kMostCounted));
}

}  // namespace

std::uint64_t UseCounts::weight(const Entry& entry) {
  return std::max<std::uint64_t>(entry.count, entry.rate);
}

void UseCounts::note(CellId home, std::uint32_t number, std::uint64_t count, Time now) {
  if (number == 0 || count == 0) return;
  end_window(now);
  count = std::min(count, kMostCounted);
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.home == home && entry.number == number;
  });
  if (found != entries_.end()) {
    found->count = std::min(found->count + count, kMostCounted);
    return;
  }
  const Entry entry{home, number, count, 0};
  if (entries_.size() < kMost) return entries_.push_back(entry);
  const auto least = std::min_element(
      entries_.begin(), entries_.end(),
      [](const Entry& one, const Entry& other) { return weight(one) < weight(other); });
  if (weight(*least) < count) *least = entry;
}

void UseCounts::end_window(Time now) {
  if (began_ == 0 || now < began_) began_ = now;
  const Time elapsed = now - began_;
  if (elapsed < kWindow) return;
  began_ = now;
  std::erase_if(entries_, [](const Entry& entry) { return entry.count == 0; });
  for (Entry& entry : entries_) {
    entry.rate = rate_of(entry.count, elapsed);
    entry.count = 0;
  }
}

void UseCounts::fill(hive_state_uses& uses, Time now) {
  end_window(now);
  uses = {};
  auto* next = std::begin(uses.list);
  for (const Entry& entry : entries_) {
    if (entry.rate == 0) continue;
    *next++ = {static_cast<std::uint32_t>(entry.home), entry.number, entry.rate, 0};
  }
}

void UseCounts::clear() {
  entries_.clear();
  began_ = 0;
}

}  // namespace hive::placement
