#include "vmm/plan/policy_cell.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "guests/abi/wax.h"
#include "vmm/plan/limits.h"
#include "vmm/plan/text.h"

namespace hive::plan {
namespace {

constexpr std::string_view kDefaultPolicy = "balance";

/// Reports FIELD of key NAME if it is given.
template <typename T>
void refuse(const Field<T>& field, std::string_view name, FaultList& faults) {
  if (!field.given) return;
  faults.add(field.at, fmt::format("a cell with role policy has no '{}'", name),
             "leave it out: Wax brings its own");
}

void refuse_others(const CellKeys& keys, FaultList& faults) {
  refuse(keys.overcommit_cpus, "overcommit_cpus", faults);
  refuse(keys.memory, "memory", faults);
  refuse(keys.reserve, "reserve", faults);
  refuse(keys.max_memory, "max_memory", faults);
  refuse(keys.huge_pages, "hugepages", faults);
  refuse(keys.shared, "shared", faults);
  refuse(keys.hosted, "hosted", faults);
  refuse(keys.kernel, "kernel", faults);
  refuse(keys.initrd, "initrd", faults);
  refuse(keys.cmdline, "cmdline", faults);
  refuse(keys.disks, "disks", faults);
  refuse(keys.cid, "cid", faults);
  refuse(keys.agent, "agent", faults);
  refuse(keys.vsock, "vsock", faults);
  refuse(keys.crash_dump, "crash_dump", faults);
  refuse(keys.on_failure, "on_failure", faults);
  refuse(keys.watchdog, "watchdog", faults);
}

void plan_cpu(const CellKeys& keys, Cell& cell, const Environment& environment, FaultList& faults) {
  if (!keys.cpus.value) return;
  if (keys.cpus.value->count != 1) {
    faults.add(keys.cpus.at, "a cell with role policy has one vCPU",
               "leave 'cpus' out, or list one host CPU such as [1]");
    return;
  }
  cell.host_cpus = keys.cpus.value->host_cpus;
  const std::vector<unsigned> present = environment.host.cpus();
  for (const unsigned cpu : cell.host_cpus) {
    if (std::find(present.begin(), present.end(), cpu) != present.end()) continue;
    faults.add(keys.cpus.at, fmt::format("the host has no CPU {}", cpu), "choose another one");
  }
}

}  // namespace

PlannedCell plan_policy_cell(CellKeys keys, CellId id, const Environment& environment,
                             const HostFiles& files, FaultList& faults) {
  PlannedCell planned{{}, std::move(keys), {}};
  refuse_others(planned.keys, faults);
  Cell& cell = planned.cell;
  cell.id = id;
  cell.name = planned.keys.name.value.value_or("");
  cell.cid = kFirstCellCid + static_cast<Cid>(id);
  cell.policy = planned.keys.policy.value.value_or(std::string(kDefaultPolicy));
  cell.memory = kPolicyMemory;
  cell.reserve = kPolicyMemory;
  cell.agent = false;
  cell.on_failure = OnFailure::kReboot;
  cell.cpu_weight = planned.keys.cpu_weight.value.value_or(kPolicyCpuWeight);
  cell.kernel = environment.programs + "/wax.elf";
  cell.cmdline = HIVE_WAX_POLICY + cell.policy;
  plan_cpu(planned.keys, cell, environment, faults);
  (void)files.require(cell.kernel, planned.keys.role.at,
                      {"Wax", "build Hive: 'cmake --build --preset release' makes it"});
  return planned;
}

void check_policy_cells(std::span<const PlannedCell> cells, FaultList& faults) {
  const PlannedCell* first = nullptr;
  for (const PlannedCell& planned : cells) {
    if (!planned.cell.is_policy()) continue;
    if (first == nullptr) {
      first = &planned;
      continue;
    }
    faults.add(planned.keys.role.at,
               fmt::format("the cell at line {} runs Wax already", first->keys.at.line),
               "leave one of the two out: a machine has one Wax");
  }
  if (first == nullptr || cells.size() > 1) return;
  faults.add(first->keys.role.at, "the machine has nobody whom Wax could advise",
             "describe other cells, too");
}

}  // namespace hive::plan
