// Global memory and rights to it, as monitors tell of them (docs/control-protocol.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cellmon/cli/rpc_client.h"
#include "cellmon/cli/table.h"

namespace hive::cli {

/// What the cell's monitor tells of its memory, with all sections. Throws Error.
Json read_memory(RpcClient& client);

/// Whether a cell has a section.
enum class Presence : std::uint8_t {
  kNone,
  kHere,
  kComing,  ///< It keeps a place for one that is another home's yet.
};

/// Of section NAME in MEMORY, as read_memory() gives it.
Presence presence_of(const Json& memory, const std::string& name);

/// All rights that `firewall.list` with PARAMS gives. Throws Error.
Json read_rights(RpcClient& client, Json params);

/// RIGHTS, as read_rights() gives them, to the pages of HOME: rows of home, cell, pages, their
/// number, and how many of them were written. At most MAX_ROWS for each cell; a row says so where
/// there are more.
std::vector<TableRow> rows_of_rights(const std::string& home, const Json& rights,
                                     std::size_t max_rows);

/// A machine as `hive memory --json` tells of it, for people.
std::string format_memory(const Json& machine);

}  // namespace hive::cli
