// Maple trees, in which Linux (6.1 and later) keeps the areas of a process's address map.
#pragma once

#include <cstdint>
#include <vector>

#include "guests/agent/kernel/btf.h"
#include "guests/agent/kernel/memory.h"
#include "vmm/base/range.h"

namespace hive::agent::kernel {

/// Where a node has what.
struct MapleLayout {
  /// Of nodes of one type.
  struct Node {
    Field pivots;  ///< The last index of each slot but the last.
    Field slots;
  };

  std::uint64_t node_size = 0;
  Node range;      ///< Leaves, and nodes with ranges alone.
  Node allocator;  ///< Nodes that know the gaps below them.
};

/// From the kernel's types. Throws Error where it has no such trees, or others than this agent
/// knows.
MapleLayout maple_layout(const Btf& types);

/// What is in a tree.
struct MapleTree {
  std::vector<Range> slots;            ///< Of nodes: those in use, by the kernel's addresses.
  std::vector<std::uint64_t> entries;  ///< What the leaves' slots hold.
};

/// The tree whose root word is ROOT. What is not as it should be, since it changes or is corrupt,
/// is left out. Looks at no more nodes than the tree of a process can have.
MapleTree read_maple_tree(const Memory& memory, const MapleLayout& layout, std::uint64_t root);

}  // namespace hive::agent::kernel
