#include "vmm/device/vsock/token_bucket.h"

#include <algorithm>

namespace hive::device::vsock {

TokenBucket::TokenBucket(std::uint32_t rate)
    : price_(rate == 0 ? 0 : 1'000'000'000 / rate),
      most_(std::max<std::int64_t>(rate / 10, 1) * price_),
      saved_(most_) {}

bool TokenBucket::take(Clock::time_point now) {
  if (!started_ || now > last_) {
    // Compared first: the sum of a long time and what is saved must not wrap.
    const auto passed = started_ ? now - last_ : most_;
    saved_ = passed >= most_ ? most_ : std::min(most_, saved_ + passed);
    last_ = now;
    started_ = true;
  }
  if (saved_ < price_) return false;
  saved_ -= price_;
  return true;
}

Clock::time_point TokenBucket::next() const { return last_ + (price_ - saved_); }

}  // namespace hive::device::vsock
