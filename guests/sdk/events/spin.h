// Looking at memory for a while before sleeping.
#pragma once

#include <immintrin.h>

#include <algorithm>

#include "guests/sdk/backoff.h"
#include "guests/sdk/events/spin_bound.h"

namespace hive::sdk {

/// Looks again and again until LOOK says true, for as long as BOUND says and not past END; false
/// where it never did. BOUND learns from that.
template <typename Look>
bool spin(SpinBound& bound, Clock::time_point end, const Look& look) {
  constexpr unsigned kLooksBetweenClocks = 16;
  const Clock::time_point start = Clock::now();
  const Clock::time_point stop = std::min(end, start + bound.bound());
  for (Clock::time_point now = start; now < stop; now = Clock::now()) {
    for (unsigned count = 0; count < kLooksBetweenClocks; ++count) {
      if (look()) {
        bound.found_after(Clock::now() - start);
        return true;
      }
      _mm_pause();
    }
  }
  bound.slept();
  return false;
}

}  // namespace hive::sdk
