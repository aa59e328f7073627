#include "guests/sdk/events/spin_bound.h"

#include <algorithm>

namespace hive::sdk {
namespace {

/// Goes one PARTth of the way.
void approach(std::atomic<std::int64_t>& average, SpinBound::Time time, int part) {
  const std::int64_t now = average.load(std::memory_order_relaxed);
  average.store(now + (time.count() - now) / part, std::memory_order_relaxed);
}

SpinBound::Time time_in(const std::atomic<std::int64_t>& value) {
  return SpinBound::Time(value.load(std::memory_order_relaxed));
}

}  // namespace

SpinBound::Time SpinBound::most() const {
  return std::clamp(2 * time_in(price_), kMost, kLongestTrial);
}

SpinBound::Spin SpinBound::next() {
  const Time usual = std::clamp(2 * time_in(found_), kLeast, most());
  if (until_other_.fetch_sub(1, std::memory_order_relaxed) > 1) return {usual, Kind::kUsual};
  if (usual > kMost) {
    until_other_.store(kBetweenNaps, std::memory_order_relaxed);
    return {kLeast, Kind::kNap};
  }
  until_other_.store(between_trials_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  const Time slept = time_in(slept_);
  if (slept > kLongestTrial) return {usual, Kind::kUsual};
  return {std::max(slept, kMost), Kind::kTrial};
}

void SpinBound::found_after(Time time, Kind kind) {
  if (kind != Kind::kTrial) return approach(found_, std::min(time, most()), 8);
  approach(price_, time_in(slept_) - time, 2);
  if (time > most()) return fail_trial();
  if (paid_.fetch_add(1, std::memory_order_relaxed) == 0 && time > kMost) {
    return until_other_.store(1, std::memory_order_relaxed);  // The next one tells.
  }
  found_.store(time.count(), std::memory_order_relaxed);
  between_trials_.store(kOftenTried, std::memory_order_relaxed);
}

void SpinBound::missed(Kind kind) {
  if (kind == Kind::kNap) return;
  approach(found_, Time(0), 8);
  if (kind == Kind::kTrial) fail_trial();
}

void SpinBound::fail_trial() {
  paid_.store(0, std::memory_order_relaxed);
  const int between = between_trials_.load(std::memory_order_relaxed);
  between_trials_.store(std::min(2 * between, kSeldomTried), std::memory_order_relaxed);
}

void SpinBound::slept(Time whole, Kind kind) {
  whole = std::min(whole, 2 * kLongestTrial);
  approach(slept_, whole, 2);
  if (kind == Kind::kNap) approach(price_, whole - time_in(found_), 2);
}

}  // namespace hive::sdk
