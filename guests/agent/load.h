// How much memory the guest has left, and how hard it is for it to do with that.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "guests/abi/agent_protocol.h"

namespace hive::agent {

/// What the files below PROC, where /proc is mounted, say now. Nothing where there is no
/// PROC/meminfo with at least the memory in all and what of it is free; the rest is 0 where the
/// kernel does not tell.
std::optional<hive_agent_load> read_load(const std::string& proc = "/proc");

/// Adds what TEXT, of /proc/meminfo, says to LOAD.
void add_meminfo(std::string_view text, hive_agent_load& load);
/// The same for /proc/vmstat.
void add_vmstat(std::string_view text, hive_agent_load& load);
/// The same for /proc/pressure/memory (Documentation/accounting/psi.rst).
void add_pressure(std::string_view text, hive_agent_load& load);

}  // namespace hive::agent
