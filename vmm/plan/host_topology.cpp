#include "vmm/plan/host_topology.h"

#include <algorithm>

namespace hive::plan {

std::vector<unsigned> HostTopology::cpus() const {
  std::vector<unsigned> all;
  for (const NumaNode& node : nodes) all.insert(all.end(), node.cpus.begin(), node.cpus.end());
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

std::uint64_t HostTopology::memory() const {
  std::uint64_t bytes = 0;
  for (const NumaNode& node : nodes) bytes += node.memory;
  return bytes;
}

}  // namespace hive::plan
