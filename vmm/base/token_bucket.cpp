#include "vmm/base/token_bucket.h"

#include <algorithm>

namespace hive {

TokenBucket::TokenBucket(std::uint32_t rate, std::uint32_t burst)
    : price_(rate == 0 ? 0 : 1'000'000'000 / rate), most_(burst * price_), saved_(most_) {}

bool TokenBucket::has(MonotonicTime now) {
  if (now > last_) {
    saved_ += std::min(now - last_, most_ - saved_);
    last_ = now;
  }
  return saved_ >= price_;
}

bool TokenBucket::take(MonotonicTime now) {
  if (!has(now)) return false;
  saved_ -= price_;
  return true;
}

}  // namespace hive
