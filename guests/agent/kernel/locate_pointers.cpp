#include "guests/agent/kernel/locate_pointers.h"

#include <fstream>
#include <sstream>
#include <utility>

#include "guests/agent/kernel/address_map.h"
#include "guests/agent/kernel/kcore.h"
#include "vmm/base/error.h"

namespace hive::agent::kernel {
namespace {

Layout read_layout_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw Error("the guest's kernel has no " + path +
                ": where=address-map and cow-tree need one (CONFIG_DEBUG_INFO_BTF)");
  }
  std::stringstream bytes;
  bytes << file.rdbuf();
  return read_layout(Btf(std::move(bytes).str()));
}

}  // namespace

std::vector<Range> locate_pointers(Tree tree, std::uint32_t number, const std::string& proc,
                                   const std::string& sys) {
  const Layout layout = read_layout_of(sys + "/kernel/btf/vmlinux");
  const Kcore memory(proc + "/kcore");
  const std::uint64_t map = find_address_map(memory, layout, memory.task(), number);
  std::vector<Range> places;
  for (const Range& words : tree == Tree::kCow ? cow_tree_pointers(memory, layout, map)
                                               : address_map_pointers(memory, layout, map)) {
    const auto place = memory.physical(words.start, words.size);
    if (place) places.push_back({*place, words.size});
  }
  return places;
}

}  // namespace hive::agent::kernel
