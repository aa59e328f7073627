// A wait that looks at memory for a while before it sleeps.
#pragma once

#include <immintrin.h>

#include <algorithm>

#include "guests/sdk/backoff.h"
#include "guests/sdk/events/spin_bound.h"

namespace hive::sdk {

/// One wait, from its begin: spins first, and tells BOUND what came of it.
class SpinningWait {
 public:
  explicit SpinningWait(SpinBound& bound) : bound_(bound), start_(Clock::now()) {}

  [[nodiscard]] Clock::time_point start() const { return start_; }

  /// Calls LOOK until it gives true, for as long as spinning pays but not past END.
  template <typename Look>
  bool spin(const Look& look, Clock::time_point end) {
    const SpinBound::Spin spin = bound_.next();
    kind_ = spin.kind;
    const Clock::time_point stop = std::min(end, start_ + spin.most);
    for (Clock::time_point now = start_; now < stop; now = Clock::now()) {
      for (unsigned count = 0; count < kLooksBetweenClocks; ++count) {
        if (look()) {
          bound_.found_after(Clock::now() - start_, kind_);
          return true;
        }
        _mm_pause();
      }
    }
    spun_ = true;
    bound_.missed(kind_);
    return false;
  }

  /// It slept after that, and what it waited for came.
  void woke() {
    if (spun_) bound_.slept(Clock::now() - start_, kind_);
  }

 private:
  static constexpr unsigned kLooksBetweenClocks = 16;

  SpinBound& bound_;
  Clock::time_point start_;
  SpinBound::Kind kind_ = SpinBound::Kind::kUsual;
  bool spun_ = false;
};

}  // namespace hive::sdk
