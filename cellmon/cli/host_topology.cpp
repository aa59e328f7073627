#include "cellmon/cli/host_topology.h"

#include <chrono>
#include <cstdlib>

#include "cellmon/cli/host_libvirt.h"
#include "cellmon/cli/host_sysfs.h"
#include "vmm/base/error.h"

namespace hive::cli {
namespace {

// A daemon that is started by its socket takes a good second.
constexpr std::chrono::milliseconds kPatience{3000};

KnownTopology ask_one(const std::string& uri) {
  const LibvirtAnswer answer = ask_libvirt(uri, kPatience);
  if (!answer.problem.empty()) {
    throw Error("libvirt at " + uri + ": " + answer.problem +
                "; unset HIVE_LIBVIRT_URI or correct it");
  }
  const auto topology = parse_capabilities(answer.capabilities);
  if (!topology) {
    throw Error("libvirt at " + uri + " does not tell its host's CPUs and memory" +
                "; unset HIVE_LIBVIRT_URI or correct it");
  }
  return {*topology, "libvirt (" + uri + ")"};
}

}  // namespace

KnownTopology host_topology() {
  const char* chosen = std::getenv("HIVE_LIBVIRT_URI");
  if (chosen != nullptr && *chosen != '\0') return ask_one(chosen);
  for (const char* uri : {"qemu:///system", "qemu:///session"}) {
    const LibvirtAnswer answer = ask_libvirt(uri, kPatience);
    if (!answer.problem.empty()) continue;
    if (const auto topology = parse_capabilities(answer.capabilities)) {
      return {*topology, std::string("libvirt (") + uri + ")"};
    }
  }
  if (const auto topology = sysfs_topology()) return {*topology, "sysfs"};
  throw Error(
      "cannot tell this host's CPUs and memory: neither libvirt nor sysfs does; mount sysfs "
      "at /sys");
}

}  // namespace hive::cli
