// Where in the guest's physical memory things are: what a monitor asks that is to corrupt them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "guests/abi/agent_protocol.h"
#include "vmm/base/range.h"

namespace hive::agent {

/// Some places, at most HIVE_AGENT_MAX_RANGES, or why there are none.
struct Located {
  std::vector<hive_agent_range> ranges;
  std::string why;
};

/// What WORDS ask for (HIVE_AGENT_LOCATE), by the files below PROC and SYS, where /proc and /sys
/// are mounted.
Located locate(const std::vector<std::string>& words, const std::string& proc = "/proc",
               const std::string& sys = "/sys");

/// The ranges called LABEL in TEXT, as of /proc/iomem. Those that are hidden, as all zeros, are
/// left out.
std::vector<hive_agent_range> parse_iomem(std::string_view text, std::string_view label);

/// The physical page that ENTRY of /proc/PID/pagemap is for, where it is in memory and the
/// process's alone, and no file's; else 0.
std::uint64_t own_page(std::uint64_t entry);

/// PIECES, each byte once, as ranges in order. Where those would be more than
/// HIVE_AGENT_MAX_RANGES, some of them, spread evenly.
std::vector<hive_agent_range> gather(std::vector<Range> pieces);

/// Has the kernel panic, by what is at TRIGGER. Returns why that cannot be done.
std::string panic(const std::string& trigger = "/proc/sysrq-trigger");

}  // namespace hive::agent
