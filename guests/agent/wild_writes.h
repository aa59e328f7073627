// Stores all over global memory, as of a program that has gone wild.
#pragma once

#include <string>

#include "guests/abi/agent_protocol.h"
#include "guests/sdk/device.h"

namespace hive::agent {

/// What came of wild writes, or why there were none.
struct WildResult {
  hive_agent_wrote wrote{};
  std::string why;
};

/// Does what REQUEST asks for, by the device that is found by PATHS, and steps over what is denied.
/// Puts handlers for SIGSEGV and SIGBUS in place: for a process of its own.
WildResult write_wildly(const hive_agent_wild_writes& request, const sdk::DevicePaths& paths = {});

}  // namespace hive::agent
