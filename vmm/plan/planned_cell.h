// A cell with everything filled in, and where in the file each part of it came from.
#pragma once

#include <optional>
#include <vector>

#include "vmm/plan/cell_keys.h"
#include "vmm/plan/host_files.h"
#include "vmm/plan/plan.h"

namespace hive::plan {

struct PlannedCell {
  Cell cell;      ///< Sound only where nothing was reported.
  CellKeys keys;  ///< Defaults included.
  /// For each disk the storage behind it, where that could be found out.
  std::vector<std::optional<FileIdentity>> storage;
};

/// Fills in cell ID of the plan from KEYS and checks it against the host. Reports what is wrong.
PlannedCell plan_cell(CellKeys keys, CellId id, const Environment& environment,
                      const HostFiles& files, FaultList& faults);

}  // namespace hive::plan
