#include "cellmon/control/monitor_names.h"

#include "vmm/plan/limits.h"

namespace hive::control {

std::vector<std::string> monitor_names(const plan::Machine& machine) {
  std::vector<std::string> names;
  names.reserve(machine.cells.size() + 1);
  for (const plan::Cell& cell : machine.cells) names.push_back(cell.name);
  if (machine.witness) names.emplace_back(plan::kWitnessName);
  return names;
}

}  // namespace hive::control
