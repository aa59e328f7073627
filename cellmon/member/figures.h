// What a monitor has seen of agreement, in numbers.
#pragma once

#include <cstdint>

#include "cellmon/metrics/histogram.h"

namespace hive::member {

/// Since the monitor's start.
struct Figures {
  std::uint64_t alerts = 0;      ///< It took part in.
  std::uint64_t dismissals = 0;  ///< Decisions that all suspects stay.
  std::uint64_t accusers_voted_down = 0;
  metrics::Histogram agreements;  ///< From the alert to the decision.
  metrics::Histogram pauses;      ///< For which the guest, which ran, had to stand still.
};

}  // namespace hive::member
