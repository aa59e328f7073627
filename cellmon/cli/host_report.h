// What `hive host` tells.
#pragma once

#include <string>

#include "cellmon/cli/host_kvm.h"
#include "cellmon/cli/host_topology.h"

namespace hive::cli {

struct HostReport {
  KnownTopology known;
  KvmReport kvm;
};

/// Looks at this host. Throws Error when its topology cannot be told; a KVM that does not work is
/// part of the report.
HostReport host_report();

/// For people: a line for the CPUs, the memory, each NUMA node, where that is from, and KVM.
std::string format_host_report(const HostReport& report);

/// For programs: {"topology": {"source", "nodes": [{"id", "cpus", "memory"}]}, "kvm": {"works",
/// "kind", "nested_paging", "problem", "remedy"}}. Memory is in bytes; kind is "vt-x", "svm",
/// "software" or null; nested_paging is null when it cannot be told.
std::string host_report_json(const HostReport& report);

}  // namespace hive::cli
