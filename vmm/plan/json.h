// The checked plan as JSON, in which each monitor gets it.
#pragma once

#include <string>
#include <string_view>

#include "vmm/plan/plan.h"

namespace hive::plan {

/// One line of JSON, which parse_machine() turns back into an equal machine.
std::string to_json(const Machine& machine);

/// Reads what to_json() writes, and nothing else: every key is there, none is unknown, and every
/// value is within the plan's bounds. Throws Error (kUsage) that names the key at fault.
Machine parse_machine(std::string_view json);

}  // namespace hive::plan
