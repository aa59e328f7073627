// The method that tells of metrics.
#include <memory>

#include "cellmon/control/methods.h"
#include "cellmon/control/metrics_report.h"

namespace hive::control {

void Methods::metrics(Call& call) {
  if (!check(call)) return;
  // A VMM that answers has refreshed KVM's statistics before.
  const std::uint32_t question = monitor_.vsock().ask_counters();
  wait(call, [this, question]() -> std::optional<Answer> {
    const auto counts = monitor_.vsock().counters(question);
    if (!counts) return std::nullopt;
    const metrics::Report report = collect_metrics(monitor_, *counts, metrics_memory_);
    return Answer{{{"machine", monitor_.status().machine},
                   {"cell", monitor_.status().cell},
                   {"answered", counts->in_time},
                   {"metrics", to_json(report)}},
                  {}};
  });
}

}  // namespace hive::control
