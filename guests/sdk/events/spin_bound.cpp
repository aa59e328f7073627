#include "guests/sdk/events/spin_bound.h"

#include <algorithm>

namespace hive::sdk {

using std::chrono::nanoseconds;

nanoseconds SpinBound::bound() const {
  const nanoseconds twice(2 * average_.load(std::memory_order_relaxed));
  return std::clamp(twice, kLeast, kMost);
}

void SpinBound::found_after(nanoseconds time) {
  // A lost update among threads costs a bit of learning.
  const std::int64_t average = average_.load(std::memory_order_relaxed);
  const std::int64_t taken = std::min(time, kMost).count();
  average_.store(average + (taken - average) / 8, std::memory_order_relaxed);
}

void SpinBound::slept() {
  const std::int64_t average = average_.load(std::memory_order_relaxed);
  average_.store(average - average / 8, std::memory_order_relaxed);
}

}  // namespace hive::sdk
