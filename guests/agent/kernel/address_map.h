// Where a process's address map is in a Linux kernel's memory, and the copy-on-write tree behind
// it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "guests/agent/kernel/btf.h"
#include "guests/agent/kernel/maple_tree.h"
#include "guests/agent/kernel/memory.h"
#include "vmm/base/range.h"

namespace hive::agent::kernel {

/// What of the kernel's structures this takes: offsets and sizes in bytes.
struct Layout {
  struct Task {
    std::uint64_t link = 0;  ///< Of the list of all processes.
    std::uint64_t number = 0;
    std::uint64_t map = 0;
  };
  /// vm_area_struct: a piece of an address map.
  struct Area {
    std::uint64_t map = 0;
    Field source;  ///< The pointer to its anon_vma.
    Field chain;   ///< The head of its list of links.
    std::vector<std::uint64_t> pointers;
  };
  /// anon_vma_chain: a link between an area and an anon_vma, of which it may have pages.
  struct Link {
    std::uint64_t area = 0;
    std::uint64_t source = 0;
    std::uint64_t next = 0;
    std::vector<std::uint64_t> pointers;
  };

  std::uint64_t root = 0;  ///< Of the maple tree, in an mm_struct.
  MapleLayout nodes;
  Task task;
  Area area;
  Link link;
  std::vector<std::uint64_t> source_pointers;  ///< Of an anon_vma, but its lock's.
};

/// From the kernel's types. Throws Error where they are not as this agent knows them.
Layout read_layout(const Btf& types);

/// The mm_struct of process NUMBER, found by the list that TASK is in: bytes of the task_struct of
/// some process. Throws Error where it has none, or is not found.
std::uint64_t find_address_map(const Memory& memory, const Layout& layout, std::string_view task,
                               std::uint32_t number);

/// The pointers in the address map MAP (an mm_struct): the root word and the used slots of its
/// tree, and those in its areas. By the kernel's addresses, whole words; none of them is checked to
/// be in RAM. Throws Error where it finds no areas.
std::vector<Range> address_map_pointers(const Memory& memory, const Layout& layout,
                                        std::uint64_t map);

/// The pointers in the copy-on-write tree behind MAP: the areas' to their anon_vma, and those in
/// the links and anon_vmas. Else the same; throws Error as well where no area has any.
std::vector<Range> cow_tree_pointers(const Memory& memory, const Layout& layout, std::uint64_t map);

}  // namespace hive::agent::kernel
