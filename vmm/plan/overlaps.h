// What cells may not share.
#pragma once

#include <span>

#include "vmm/plan/planned_cell.h"

namespace hive::plan {

/// Reports names, host CPUs, CIDs and disks that several cells claim (a disk may be shared as long
/// as nobody writes it), and cells that together need more memory than HOST has, or contribute more
/// global memory than a machine may have.
void check_overlaps(std::span<const PlannedCell> cells, const HostTopology& host,
                    FaultList& faults);

}  // namespace hive::plan
