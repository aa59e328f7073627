// The cell's share of the CPUs.
#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>

#include "cellmon/control/cell_monitor.h"

namespace hive::control {

std::unique_ptr<CpuShare> CellMonitor::make_cpu_share() {
  CpuWays found = find_cpu_ways(settings_.cgroup, settings_.machine, settings_.own);
  if (!found.no_cgroup.empty()) log_.info("CPU weights without cgroups: {}", found.no_cgroup);
  return std::make_unique<CpuShare>(loop_, settings_.cell().cpu_weight, std::move(found.ways),
                                    [this](const std::string& why) {
                                      add_event({"cpu-weight-not-set", why});
                                    });
}

std::string CellMonitor::set_cpu_weight(std::uint32_t weight) {
  const std::uint32_t before = cpu_->usual();
  std::string refusal = cpu_->set_usual(weight);
  if (refusal.empty() && weight != before) {
    add_event({"cpu-weight", fmt::format("{}, was {}", weight, before)});
  }
  return refusal;
}

}  // namespace hive::control
