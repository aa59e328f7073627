// What a monitor tells of global memory: docs/control-protocol.md.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cellmon/control/global_memory.h"
#include "cellmon/control/rights.h"
#include "cellmon/wire/json_rpc.h"

namespace hive::control {

/// The cell's contribution, the other cells, and the sections that start at page FIRST or after: as
/// many as fit into MAX_BYTES, at least one.
wire::Json describe_memory(const GlobalMemory& global, firewall::PageIndex first,
                           std::size_t max_bytes);

/// A part of the rights of cells with NAMES, pages counted from START.
wire::Json describe_rights(const RightsPart& part, const std::vector<std::string>& names,
                           firewall::PageIndex start);

}  // namespace hive::control
