// Which cell has which vsock address.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "guests/sdk/result.h"
#include "guests/sdk/rpc/monitor.h"

namespace hive::rpc {

/// Where the agent writes the cells of the machine: lines "CID NAME".
inline constexpr const char* kCellsFile = "/run/hive/cells";

/// The CID of the cell called NAME by CONTENT, which is such a file's; 0: none. Lines that make no
/// sense are passed over.
std::uint32_t find_cid(std::string_view content, std::string_view name);

/// The CID of CELL, its name or its number. Names are looked up in FILE, else the monitor is asked,
/// until END. HIVE_NOT_FOUND.
sdk::Result<std::uint32_t> resolve_cell(const std::string& cell, Monitor& monitor,
                                        Clock::time_point end,
                                        const std::string& file = kCellsFile);

/// Who this cell is, by MONITOR; cell HIVE_RPC_NO_CELL where it does not tell by END.
struct Identity {
  std::uint32_t cell = HIVE_RPC_NO_CELL;
  std::uint32_t incarnation = 0;
};
Identity own_identity(Monitor& monitor, Clock::time_point end);

}  // namespace hive::rpc
