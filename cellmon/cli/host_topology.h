// What CPUs and memory this host has, from whoever can tell.
#pragma once

#include <string>

#include "vmm/plan/host_topology.h"

namespace hive::cli {

struct KnownTopology {
  plan::HostTopology topology;
  std::string source;  ///< "libvirt (URI)" or "sysfs".
};

/// Asks libvirt at qemu:///system and at qemu:///session, and then sysfs. Environment variable
/// HIVE_LIBVIRT_URI, when it is set and not empty, names the one libvirt to ask instead: only then
/// test:///default is asked, whose host is made up. Throws Error when nobody answers.
KnownTopology host_topology();

}  // namespace hive::cli
