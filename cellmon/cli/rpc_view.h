// Pairs of cells that talk by vsock, as monitors tell of them (docs/control-protocol.md).
#pragma once

#include <string>

#include "cellmon/cli/rpc_client.h"

namespace hive::cli {

/// A machine as `hive rpc --json` tells of it, for people: a line for each ordered pair of cells.
std::string format_rpc(const Json& machine);

}  // namespace hive::cli
