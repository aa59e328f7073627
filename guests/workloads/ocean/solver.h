// The ocean program: workers that relax one grid together, each its own rows.
#pragma once

#include <cstddef>
#include <cstdint>

#include "guests/workloads/digest.h"
#include "guests/workloads/ocean/grid.h"
#include "guests/workloads/team/team.h"

namespace hive::workloads {

struct OceanTask {
  Basin basin;
  unsigned sweeps = 100;  ///< At most so many; at least 1.
  double tolerance = 0;   ///< It is over when no point changes by more in a sweep.
};

struct OceanResult {
  unsigned sweeps = 0;
  double change = 0;  ///< The last sweep's largest.
  Digest digest;      ///< Of all rows, from north to south. The same for any number of workers.
};

/// The bytes that each worker's area needs.
std::size_t ocean_area(const OceanTask& task, unsigned workers);

/// What all workers have to agree on.
std::uint64_t ocean_key(const OceanTask& task);

/// Solves TASK together with the other workers of TEAM, which all take part, and leaves it. A
/// worker keeps its rows in its own area and reads its neighbours' outermost ones in theirs; all
/// meet after each half of a sweep. Throws Error where a worker fails.
OceanResult solve(Team& team, const OceanTask& task);

}  // namespace hive::workloads
