// Which ways this host and this process have for CPU weights.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cellmon/control/cpu/cpu_way.h"
#include "vmm/plan/plan.h"

namespace hive::control {

/// What HIVE_CGROUP stands for.
inline constexpr const char* kAnyCgroup = "";     ///< Wherever one can be had.
inline constexpr const char* kNoCgroup = "none";  ///< Nowhere.

struct CpuWays {
  std::vector<std::unique_ptr<CpuWay>> ways;  ///< To be tried in this order; not empty.
  std::string no_cgroup;                      ///< Why no cgroup is among them; empty where one is.
};

/// For cell OWN of MACHINE, which this process's user runs. CGROUP is kAnyCgroup, kNoCgroup, or a
/// folder of a cgroup v2 hierarchy in which groups are to be made. Makes the cell's group.
CpuWays find_cpu_ways(const std::string& cgroup, const plan::Machine& machine, std::size_t own);

}  // namespace hive::control
