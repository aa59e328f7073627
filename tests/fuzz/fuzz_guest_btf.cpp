// The type format of a guest's kernel, which its agent takes offsets from.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "guests/agent/kernel/address_map.h"
#include "guests/agent/kernel/btf.h"
#include "vmm/base/error.h"

namespace {

using hive::Error;
using hive::agent::kernel::Btf;

void require(bool condition) {
  if (!condition) std::abort();
}

/// What all structures have of their pointers, and what this agent wants to know.
void look(const Btf& types) {
  for (const char* name :
       {"mm_struct", "task_struct", "vm_area_struct", "anon_vma", "maple_node"}) {
    try {
      std::uint64_t last = 0;
      for (const std::uint64_t offset : types.pointers(name)) {
        require(offset % 8 == 0 && (last == 0 || offset > last));
        last = offset;
      }
    } catch (const Error&) {
      continue;
    }
  }
  try {
    const auto layout = hive::agent::kernel::read_layout(types);
    const auto& nodes = layout.nodes;
    for (const auto& node : {nodes.range, nodes.allocator}) {
      require(node.slots.offset + node.slots.count * 8 <= nodes.node_size);
      require(node.pivots.offset + node.pivots.count * 8 <= nodes.node_size);
    }
  } catch (const Error&) {
    return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    look(Btf(std::string(data, data + size)));
  } catch (const Error&) {
    return 0;
  }
  return 0;
}
