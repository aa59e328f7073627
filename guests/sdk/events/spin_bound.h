// How long to spin before sleeping, learnt from how long waits took.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace hive::sdk {

/// Spinning is worth it where most waits end within it. Thread-safe; threads share what they learn.
class SpinBound {
 public:
  static constexpr std::chrono::nanoseconds kLeast{1'000};
  static constexpr std::chrono::nanoseconds kMost{50'000};

  /// How long to spin in the next wait: twice what waits took lately.
  [[nodiscard]] std::chrono::nanoseconds bound() const;
  /// A wait ended after that long without sleep.
  void found_after(std::chrono::nanoseconds time);
  /// A wait had to sleep: spinning was in vain.
  void slept();

 private:
  std::atomic<std::int64_t> average_{kMost.count() / 4};
};

}  // namespace hive::sdk
