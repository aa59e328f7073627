// What a monitor that is started in place of one that ended takes over, so that VMMs which run
// need not be given anything anew.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "vmm/base/ids.h"
#include "vmm/base/unique_fd.h"
#include "vmm/plan/plan.h"

namespace hive::control {

/// The files of a cell's part in global memory, as its monitor greets others with them.
struct GlobalFiles {
  UniqueFd contribution;  ///< Invalid where the cell contributes nothing.
  std::vector<UniqueFd> doorbells;
};

/// Of each cell whose files were known to who started this monitor.
using Heritage = std::map<CellId, GlobalFiles>;

/// The same, as it is handed on: descriptors that stay their owner's.
struct GlobalFileNumbers {
  CellId cell{};
  std::vector<int> files;  ///< The contribution's, where there is one, then the doorbells.
};

/// A descriptor from which take_heritage() reads FILES. Throws Error.
UniqueFd leave_heritage(std::span<const GlobalFileNumbers> files);

/// Reads all that was left to a monitor of MACHINE behind DESCRIPTOR. Throws Error where any of it
/// is not what the machine's plan would have it: sizes, seals and kinds of files.
Heritage take_heritage(const UniqueFd& descriptor, const plan::Machine& machine);

}  // namespace hive::control
