// The host's topology as libvirt tells it.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "vmm/plan/host_topology.h"

namespace hive::cli {

/// What libvirt said, or why it said nothing: exactly one of the two is not empty.
struct LibvirtAnswer {
  std::string capabilities;  ///< XML of virConnectGetCapabilities().
  std::string problem;
};

/// Asks the libvirt daemon at URI, read-only. Starts no daemon, prints nothing, and gives up after
/// TIMEOUT. The question is asked in a child process, since libvirt cannot be told to stop waiting.
LibvirtAnswer ask_libvirt(const std::string& uri, std::chrono::milliseconds timeout);

/// The NUMA nodes (/capabilities/host/topology/cells) of libvirt's capabilities. Nothing when XML
/// is not that, or tells of no CPU or no memory.
std::optional<plan::HostTopology> parse_capabilities(const std::string& xml);

}  // namespace hive::cli
