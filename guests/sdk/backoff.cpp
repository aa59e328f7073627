#include "guests/sdk/backoff.h"

#include <immintrin.h>
#include <sched.h>

#include <algorithm>
#include <thread>

namespace hive::sdk {

bool Backoff::wait_until(Clock::time_point end) {
  if (looks_ < kSpins) {
    ++looks_;
    _mm_pause();
    return true;
  }
  const Clock::time_point now = Clock::now();
  if (now >= end) return false;
  if (looks_ < kSpins + kYields) {
    ++looks_;
    ::sched_yield();
    return true;
  }
  std::this_thread::sleep_for(std::min<Clock::duration>(sleep_, end - now));
  sleep_ = std::min(sleep_ * 3 / 2, sleep_most_);
  return true;
}

}  // namespace hive::sdk
