// How to wait for what another processor does: for nothing at first, then ever longer.
#pragma once

#include <chrono>

namespace hive::sdk {

using Clock = std::chrono::steady_clock;

/// Waits between looks at memory or a register. Each thread uses its own.
class Backoff {
 public:
  /// SLEEP_MOST: the longest sleep between two looks.
  explicit Backoff(std::chrono::microseconds sleep_most) : sleep_most_(sleep_most) {}

  /// Waits, but not much past END. False, without waiting, when END has passed.
  bool wait_until(Clock::time_point end);

 private:
  static constexpr unsigned kSpins = 256;
  static constexpr unsigned kYields = 64;

  std::chrono::microseconds sleep_most_;
  std::chrono::microseconds sleep_{20};
  unsigned looks_ = 0;
};

}  // namespace hive::sdk
