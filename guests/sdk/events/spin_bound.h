// How long to spin before sleeping, learnt from how long waits took.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace hive::sdk {

/// Spinning pays for as long as the sleep that it saves would have cost. What a sleep costs depends
/// on the host and on who else is awake. So now and then a wait is a *trial*, which spins for as
/// long as waits with sleeps take lately; what it is sooner than they is a sample of the price of a
/// sleep. Spins become long only where two trials in a row say that they pay, and trials that do
/// not say so become rare. Two who wait for each other and both sleep come back to spinning by
/// that: neither would find the other within the time of a usual spin. And where spins are long, a
/// wait now and then is a *nap*, which sleeps to learn whether that still costs as much.
/// Thread-safe; threads share what they learn.
class SpinBound {
 public:
  using Time = std::chrono::nanoseconds;

  static constexpr Time kLeast{1'000};
  /// Where no sleep is known to cost more.
  static constexpr Time kMost{50'000};
  static constexpr Time kLongestTrial{4'000'000};
  /// Waits from one trial to the next, and from one nap to the next.
  static constexpr int kOftenTried = 16;
  static constexpr int kSeldomTried = 1024;
  static constexpr int kBetweenNaps = 64;

  enum class Kind { kUsual, kTrial, kNap };
  /// How long the next wait is to spin.
  struct Spin {
    Time most;
    Kind kind;
  };
  Spin next();
  /// A wait of that kind ended after that long without sleep.
  void found_after(Time time, Kind kind);
  /// Spinning was in vain.
  void missed(Kind kind);
  /// A wait ended that spun in vain, then slept, and took so long as a whole.
  void slept(Time whole, Kind kind);

 private:
  [[nodiscard]] Time most() const;
  void fail_trial();

  // A lost update among threads costs a bit of learning. All in nanoseconds.
  std::atomic<std::int64_t> found_{kMost.count() / 4};  ///< What waits without sleep take.
  std::atomic<std::int64_t> slept_{2 * kLongestTrial.count()};
  std::atomic<std::int64_t> price_{0};  ///< Of a sleep.
  std::atomic<int> until_other_{kOftenTried};
  std::atomic<int> between_trials_{kOftenTried};
  std::atomic<int> paid_{0};  ///< Trials in a row.
};

}  // namespace hive::sdk
