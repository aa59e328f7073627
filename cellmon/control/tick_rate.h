// How long a tick of the host's TSC is.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace hive::control {

/// Measures the TSC against the host's clock, from its construction on. What VMMs count in ticks
/// is as right as the TSC is regular, which that of any CPU with KVM is. Not thread-safe.
class TickRate {
 public:
  using Clock = std::chrono::steady_clock;

  /// Of both clocks, at one time.
  struct Instant {
    Clock::time_point time;
    std::uint64_t ticks = 0;
  };
  /// For so long it measures at least: to parts of a million.
  static constexpr std::chrono::seconds kMeasuring{1};

  explicit TickRate(const Instant& start = now()) : start_(start) {}

  /// Seconds that TICKS take; nothing until kMeasuring has passed. The first call after that fixes
  /// the rate for good: a count of ticks that grows makes seconds that grow.
  [[nodiscard]] std::optional<double> seconds(std::uint64_t ticks, const Instant& at);
  [[nodiscard]] std::optional<double> seconds(std::uint64_t ticks) {
    return seconds(ticks, rate_ ? start_ : now());
  }

  /// Both clocks read so close together that a thread that lost its CPU between them does no harm.
  static Instant now();

 private:
  Instant start_;
  std::optional<double> rate_;  ///< Seconds of a tick.
};

}  // namespace hive::control
