// The end of a cell's console.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "cellmon/cli/rpc_client.h"

namespace hive::cli {

/// The last COUNT lines of TEXT that are not blank, printable.
std::vector<std::string> last_lines(std::string_view text, std::size_t count);

/// What the monitor keeps of the cell's console CONSOLE ("serial" or "virtio"). Other notifications
/// are lost. Throws Error.
std::string read_console(RpcClient& client, const std::string& console);

}  // namespace hive::cli
