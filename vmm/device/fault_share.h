// Which of the things that a device does an injected fault hits.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include "vmm/base/random.h"

namespace hive::device {

using FaultClock = std::chrono::steady_clock;

/// How often a fault comes, and for how long.
struct FaultShare {
  unsigned percent = 100;                             ///< Of what comes by: 1 to 100.
  std::uint64_t seed = 0;                             ///< Of what is drawn.
  std::optional<std::chrono::milliseconds> duration;  ///< Missing: for good.
};

/// Draws what a fault hits. Pure: who uses it has the clock.
class FaultDraw {
 public:
  /// Hits nothing.
  FaultDraw() = default;
  FaultDraw(const FaultShare& share, FaultClock::time_point now)
      : percent_(share.percent), random_(share.seed) {
    if (share.duration) end_ = now + *share.duration;
  }

  /// Whether it ever hit anything, or may.
  [[nodiscard]] bool any() const { return percent_ != 0; }
  [[nodiscard]] bool lasts(FaultClock::time_point now) const {
    return percent_ != 0 && (!end_ || now < *end_);
  }
  /// TIME, or what is left of the fault at NOW, while it lasts, where that is less.
  [[nodiscard]] std::chrono::milliseconds within(std::chrono::milliseconds time,
                                                 FaultClock::time_point now) const {
    return end_ ? std::min(time, std::chrono::ceil<std::chrono::milliseconds>(*end_ - now)) : time;
  }
  /// Whether it hits what comes by at NOW.
  bool hits(FaultClock::time_point now) { return lasts(now) && random_.below(kWhole) < percent_; }
  /// From 0 to BOUND - 1.
  std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }

 private:
  static constexpr unsigned kWhole = 100;

  unsigned percent_ = 0;
  Random random_{0};
  std::optional<FaultClock::time_point> end_;
};

}  // namespace hive::device
