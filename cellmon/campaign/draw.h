// Which fault a run of a campaign injects: it follows from the seed and the run's number.
#pragma once

#include <cstdint>
#include <string>

#include "cellmon/campaign/campaign.h"
#include "cellmon/campaign/cells.h"
#include "cellmon/inject/fault.h"

namespace hive::campaign {

struct Draw {
  std::uint64_t run = 0;
  std::string fault;
  std::string group;      ///< See FaultSpec.
  std::string paper_row;  ///< See FaultSpec.
  std::string cell;
  std::string meanwhile;  ///< See FaultSpec.
  inject::Values parameters;
  Milliseconds delay{};  ///< From the workload's start to the fault; in its later half for a fault
                         ///< with `meanwhile`.

  friend bool operator==(const Draw&, const Draw&) = default;
};

/// The fault of run RUN, for a machine of CELLS (at least one). The policy cell is drawn only where
/// the fault's `cells` name it. Depends on nothing but its arguments: a run can be done again,
/// alone.
Draw draw(const Campaign& campaign, const Cells& cells, std::uint64_t seed, std::uint64_t run);

/// "vmm-stop for=500ms in beta".
std::string describe(const Draw& drawn);

/// How long the fault lasts by its parameter `for`; 0 where it has none.
Milliseconds duration_of(const Draw& drawn);

}  // namespace hive::campaign
