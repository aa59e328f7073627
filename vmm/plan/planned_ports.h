// The vsock ports of a cell.
#pragma once

#include <vector>

#include "vmm/plan/cell_keys.h"
#include "vmm/plan/fault.h"
#include "vmm/plan/host_files.h"
#include "vmm/plan/plan.h"

namespace hive::plan {

/// What `vsock` of KEYS asks for: one for each of its entries, incomplete where that is faulty.
std::vector<VsockPort> plan_ports(const CellKeys& keys, const HostFiles& files, FaultList& faults);

}  // namespace hive::plan
