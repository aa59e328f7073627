// The host's topology as its kernel tells it.
#pragma once

#include <filesystem>
#include <optional>

#include "vmm/plan/host_topology.h"

namespace hive::cli {

/// Reads /sys/devices/system/{node,cpu} and /proc/meminfo below ROOT. A kernel without NUMA is one
/// node. Nothing when these files are not there or tell of no CPU or no memory.
std::optional<plan::HostTopology> sysfs_topology(const std::filesystem::path& root = "/");

}  // namespace hive::cli
