// The cell that runs Wax: what it is made of, which the plan's author has little to say about.
#pragma once

#include <span>

#include "vmm/plan/check.h"
#include "vmm/plan/planned_cell.h"

namespace hive::plan {

/// Makes cell ID, whose KEYS are of a policy cell, without defaults. Reports keys that it does not
/// take.
PlannedCell plan_policy_cell(CellKeys keys, CellId id, const Environment& environment,
                             const HostFiles& files, FaultList& faults);

/// Reports policy cells that are one too many, or have nobody to advise.
void check_policy_cells(std::span<const PlannedCell> cells, FaultList& faults);

}  // namespace hive::plan
