// How long to spin before sleeping, learnt from how long waits took.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace hive::sdk {

/// Spinning pays for as long as the sleep that it saves would have cost. What a sleep costs depends
/// on the host and on who else is awake. So now and then a wait is a *trial*, which spins for as
/// long as waits with sleeps take lately; what it is sooner than they is a sample of the price of a
/// sleep. Two who wait for each other and both sleep come back to spinning by that: neither would
/// find the other within the time of a usual spin. It takes both, so a trial is two waits of which
/// the second one counts, and who finds the other awake *joins* with a trial of its own. Trials of
/// either kind become rare where they show that spinning does not pay.
///
/// Waits that spinning ends, several in a row, are a *rhythm*. As long as it lasts, spins are as
/// long as a sleep costs, so that the other may be late once, and where one was in vain the next
/// wait is a trial. Where spins are long, a wait now and then is a *nap*, which sleeps to learn
/// whether that still costs as much.
///
/// Thread-safe; threads share what they learn.
class SpinBound {
 public:
  using Time = std::chrono::nanoseconds;

  static constexpr Time kLeast{1'000};
  /// Where no sleep is known to cost more.
  static constexpr Time kMost{50'000};
  static constexpr Time kLongestTrial{4'000'000};
  /// Waits from one trial to the next, and from one nap to the next.
  static constexpr int kOftenTried = 8;
  static constexpr int kSeldomTried = 1024;
  static constexpr int kBetweenNaps = 64;
  /// Waits that make a rhythm.
  static constexpr int kRhythm = 4;

  /// kLong: as usual, where spins are longer than kMost.
  enum class Kind { kUsual, kLong, kTrial, kJoin, kNap };
  /// How long the next wait is to spin.
  struct Spin {
    Time most;
    Kind kind;
  };
  /// PEER_IS_AWAKE: whoever is waited for did not sleep when something was last sent to it.
  Spin next(bool peer_is_awake = false);
  /// A wait of that kind ended after that long without sleep.
  void found_after(Time time, Kind kind);
  /// Spinning was in vain.
  void missed(Kind kind);
  /// A wait ended that spun in vain, then slept, and took so long as a whole.
  void slept(Time whole, Kind kind);

 private:
  /// When there are trials of a kind.
  struct Trials {
    /// Whether it is time for one.
    bool are_due();
    void pay();
    void fail();

    const int often;
    std::atomic<int> between{often};  ///< Waits.
    std::atomic<int> left{often};     ///< Waits until the next one.
  };

  [[nodiscard]] Time most() const;
  [[nodiscard]] bool in_rhythm() const;
  [[nodiscard]] Time usual() const;
  [[nodiscard]] Spin trial(Kind kind) const;
  /// Whether sleeps are known, and short enough for spinning to take their place.
  [[nodiscard]] bool may_try() const;
  /// From a wait that took FOUND without sleep, and goes one PARTth of the way.
  void learn_price(Time found, int part);
  void found_by_trial(Time time, Trials& trials);

  static constexpr std::int64_t kUnknown = -1;

  // A lost update among threads costs a bit of learning. All in nanoseconds.
  std::atomic<std::int64_t> found_{kMost.count() / 4};  ///< What waits without sleep take.
  /// What waits with sleep take that spun for next to nothing; kUnknown before the first.
  std::atomic<std::int64_t> slept_{kUnknown};
  std::atomic<std::int64_t> price_{0};  ///< Of a sleep.
  Trials own_{kOftenTried};
  Trials joined_{1};
  std::atomic<bool> second_{false};  ///< The next trial of its own is the one that counts.
  std::atomic<int> until_nap_{kBetweenNaps};
  std::atomic<int> found_in_row_{0};  ///< Waits, up to kRhythm.
};

}  // namespace hive::sdk
