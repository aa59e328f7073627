// `rpc` of a plan file.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "vmm/plan/fields.h"
#include "vmm/plan/plan.h"
#include "vmm/plan/planned_cell.h"

namespace hive::plan {

struct CallsKeys {
  Field<std::string> from;
  Field<std::vector<Field<std::string>>> to;
};

struct RpcKeys {
  Field<std::vector<CallsKeys>> calls;
  Field<std::uint32_t> packets_per_second;
};

std::optional<RpcKeys> read_rpc(const YamlNode& node, FaultList& faults);

/// What KEYS ask for in a machine of CELLS.
Rpc plan_rpc(const RpcKeys& keys, std::span<const PlannedCell> cells, FaultList& faults);

}  // namespace hive::plan
