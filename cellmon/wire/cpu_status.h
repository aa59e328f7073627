// What a monitor tells of its cell's share of the CPUs, and its wire form (JSON).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cellmon/wire/json_rpc.h"

namespace hive::wire {

struct CpuStatus {
  std::uint64_t weight = 0;   ///< As of cgroup v2, now.
  std::uint64_t usual = 0;    ///< By hand, where somebody has set it so; else by the plan.
  std::uint64_t plan = 0;     ///< By the plan.
  std::uint64_t applied = 0;  ///< What the host's scheduler has of it; 0: nothing was set.
  std::string way;            ///< By which that was set; empty where the cell does not run.
  std::string trouble;        ///< Why nothing was set; else empty.
};

Json to_json(const CpuStatus& status);
/// Nothing when a member is missing or of the wrong type.
std::optional<CpuStatus> parse_cpu(const Json& json);

/// The weights in words: the present one, what is usual where that is another, and what the plan
/// has where that is another than the usual one.
std::string describe_weights(const CpuStatus& status);

}  // namespace hive::wire
