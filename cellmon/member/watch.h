// One monitor's eye on another one's heartbeat.
#pragma once

#include <cstdint>
#include <optional>

#include "cellmon/detect/accrual.h"

namespace hive::member {

using detect::Time;

/// Turns what is seen of a heartbeat into suspicion. Pure.
class Watch {
 public:
  /// PERIOD: how often the heartbeat is meant to advance. ALARM: the suspicion (detect::Accrual)
  /// from which on it is too late.
  Watch(Time period, double alarm) : accrual_(period), alarm_(alarm) {}

  /// HEARTBEAT was read at NOW, OWN_DELAY later than the watcher meant to look. Whether it had
  /// advanced.
  bool look(std::uint64_t heartbeat, Time own_delay, Time now);
  /// What was seen counts no more, as after a suspension.
  void restart(Time now);

  [[nodiscard]] double suspicion(Time now) const { return accrual_.suspicion(now); }
  [[nodiscard]] bool is_late(Time now) const { return suspicion(now) >= alarm_; }

 private:
  detect::Accrual accrual_;
  double alarm_;
  std::optional<std::uint64_t> last_;
};

}  // namespace hive::member
