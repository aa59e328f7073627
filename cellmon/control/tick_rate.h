// How long a tick of the host's TSC is.
#pragma once

#include <chrono>
#include <cstdint>

namespace hive::control {

/// Measures the TSC against the host's clock, from its construction on. What VMMs count in ticks
/// is as right as the TSC is regular, which that of any CPU with KVM is.
class TickRate {
 public:
  TickRate();

  /// Seconds that TICKS take. The longer this object lives, the more exact: after a second, to
  /// parts of a million.
  [[nodiscard]] double seconds(std::uint64_t ticks) const;

 private:
  std::chrono::steady_clock::time_point time_;
  std::uint64_t ticks_;
};

}  // namespace hive::control
