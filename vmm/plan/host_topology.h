// What a host has to give to cells.
#pragma once

#include <cstdint>
#include <vector>

namespace hive::plan {

struct NumaNode {
  unsigned id = 0;
  std::vector<unsigned> cpus;  ///< Numbers of its online CPUs. May be empty.
  std::uint64_t memory = 0;    ///< Bytes.

  friend bool operator==(const NumaNode&, const NumaNode&) = default;
};

struct HostTopology {
  std::vector<NumaNode> nodes;

  /// All CPU numbers, in ascending order.
  [[nodiscard]] std::vector<unsigned> cpus() const;
  /// Bytes of all nodes together.
  [[nodiscard]] std::uint64_t memory() const;

  friend bool operator==(const HostTopology&, const HostTopology&) = default;
};

}  // namespace hive::plan
