// Who of a machine has a monitor.
#pragma once

#include <string>
#include <vector>

#include "vmm/plan/plan.h"

namespace hive::control {

/// The names of MACHINE's monitors: its cells', in their order, and then its witness's, if any.
std::vector<std::string> monitor_names(const plan::Machine& machine);

}  // namespace hive::control
