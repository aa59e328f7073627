// Suspicion of one peer, from when its heartbeats were seen to advance.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace hive::detect {

/// Nanoseconds of a monotonic clock.
using Time = std::uint64_t;

/// Learns how regularly a heartbeat advances and says how unusual its silence is ("The phi Accrual
/// Failure Detector", Hayashibara et al., 2004, with an exponential tail above what was seen, so
/// that it needs no assumption about how delays are distributed). Allocates nothing.
class Accrual {
 public:
  /// PERIOD: how often the heartbeat is meant to advance.
  explicit Accrual(Time period) : period_(period) {}

  /// The heartbeat has advanced. OWN_DELAY: how late the watcher itself was to look, since it last
  /// did: what delays the whole host delays the watcher too, and is no fault of the peer's.
  void beat(Time now, Time own_delay);
  /// The watcher looked and the heartbeat had not advanced; it was itself OWN_DELAY late.
  void silence(Time own_delay) { excused_ += own_delay; }
  /// Forgets what it learnt: the peer was suspended, or is a new incarnation.
  void restart(Time now);

  /// How unusual the silence is at NOW: 0 while it is not; n means that, by what was seen, one
  /// silence in 10^n lasts as long.
  [[nodiscard]] double suspicion(Time now) const;

  static constexpr std::size_t kSamples = 64;

 private:
  [[nodiscard]] Time silent_for(Time now) const;
  [[nodiscard]] double expected() const;

  Time period_;
  Time last_ = 0;
  Time excused_ = 0;  ///< Of the time since then.
  bool started_ = false;
  std::array<Time, kSamples> intervals_{};
  std::size_t next_ = 0;
  std::size_t count_ = 0;
};

}  // namespace hive::detect
