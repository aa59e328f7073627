#include "guests/agent/kernel/address_map.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "vmm/base/error.h"

namespace hive::agent::kernel {
namespace {

constexpr std::uint64_t kWord = 8;
/// Of a walk: as many as a guest has at most, with room to spare.
constexpr std::size_t kMaxTasks = 1 << 16, kMaxAreas = 1 << 16, kMaxLinks = 1 << 16;

/// The map's tree, and its areas that are sound.
struct AddressMap {
  MapleTree tree;
  std::vector<std::uint64_t> areas;
};

AddressMap read_map(const Memory& memory, const Layout& layout, std::uint64_t map) {
  const auto root = memory.number(map + layout.root);
  if (!root) throw Error("the process's address map is not in RAM");
  AddressMap found{read_maple_tree(memory, layout.nodes, *root), {}};
  for (const std::uint64_t entry : found.tree.entries) {
    if (found.areas.size() == kMaxAreas) break;
    if (memory.number(entry + layout.area.map) == map) found.areas.push_back(entry);
  }
  if (found.areas.empty()) {
    throw Error(
        "the process's address map has no areas as this agent knows them: it ends or changes, or "
        "is "
        "corrupt; try again");
  }
  return found;
}

void add_pointers(std::uint64_t base, const std::vector<std::uint64_t>& offsets,
                  std::vector<Range>& words) {
  for (const std::uint64_t offset : offsets) words.push_back({base + offset, kWord});
}

/// The links of AREA that are not in SEEN yet, up to the first one that is or that is not sound.
/// They are then.
std::vector<std::uint64_t> take_links(const Memory& memory, const Layout& layout,
                                      std::uint64_t area, std::set<std::uint64_t>& seen) {
  std::vector<std::uint64_t> links;
  const std::uint64_t head = area + layout.area.chain.offset;
  for (auto next = memory.number(head); next && *next != head; next = memory.number(*next)) {
    const std::uint64_t link = *next - layout.link.next;
    if (memory.number(link + layout.link.area) != area) break;
    if (seen.size() == kMaxLinks || !seen.insert(link).second) break;
    links.push_back(link);
  }
  return links;
}

/// The word at OFFSET of TASK, the bytes of a task_struct.
std::optional<std::uint64_t> word_of(std::string_view task, std::uint64_t offset) {
  std::uint64_t word = 0;
  if (!fits_within(offset, sizeof word, task.size())) return std::nullopt;
  std::memcpy(&word, task.data() + offset, sizeof word);
  return word;
}

/// The offset of a member of SIZE bytes.
std::uint64_t offset_of(const Btf& types, std::string_view structure, std::string_view path,
                        std::uint64_t size) {
  const Field field = types.field(structure, path);
  if (field.size == size && field.count == 1) return field.offset;
  throw Error("the kernel's BTF has " + std::string(structure) + "." + std::string(path) +
              " of another size than this agent knows");
}

}  // namespace

Layout read_layout(const Btf& types) {
  const auto pointer = [&](std::string_view structure, std::string_view path) {
    return offset_of(types, structure, path, kWord);
  };
  Layout layout;
  layout.root = pointer("mm_struct", "mm_mt.ma_root");
  layout.nodes = maple_layout(types);
  layout.task = {pointer("task_struct", "tasks.next"),
                 offset_of(types, "task_struct", "tgid", sizeof(std::uint32_t)),
                 pointer("task_struct", "mm")};
  layout.area = {pointer("vm_area_struct", "vm_mm"),
                 {pointer("vm_area_struct", "anon_vma"), kWord, 1},
                 {offset_of(types, "vm_area_struct", "anon_vma_chain", 2 * kWord), 2 * kWord, 1},
                 types.pointers("vm_area_struct")};
  layout.link = {pointer("anon_vma_chain", "vma"), pointer("anon_vma_chain", "anon_vma"),
                 pointer("anon_vma_chain", "same_vma.next"), types.pointers("anon_vma_chain")};
  layout.source_pointers = types.pointers("anon_vma");
  const Field lock = types.field("anon_vma", "rwsem");
  std::erase_if(layout.source_pointers, [&](std::uint64_t offset) {
    return offset >= lock.offset && offset - lock.offset < lock.size;
  });
  return layout;
}

std::uint64_t find_address_map(const Memory& memory, const Layout& layout, std::string_view task,
                               std::uint32_t number) {
  const std::string name = "process " + std::to_string(number);
  const auto first = word_of(task, layout.task.link);
  auto link = first;
  for (std::size_t tasks = 0; link && tasks < kMaxTasks; ++tasks) {
    const std::uint64_t found = *link - layout.task.link;
    const auto its = memory.number<std::uint32_t>(found + layout.task.number);
    if (its == number) {
      const std::uint64_t map = memory.number(found + layout.task.map).value_or(0);
      if (map != 0) return map;
      throw Error(name + " has no address map: it is the kernel's, or ends");
    }
    link = memory.number(*link);
    if (link == first) throw Error(name + " is not in the kernel's list of processes any more");
  }
  throw Error("the kernel's list of processes, in which " + name +
              " is to be, changes or is corrupt; try again");
}

std::vector<Range> address_map_pointers(const Memory& memory, const Layout& layout,
                                        std::uint64_t map) {
  AddressMap found = read_map(memory, layout, map);
  std::vector<Range> words = std::move(found.tree.slots);
  words.push_back({map + layout.root, kWord});
  for (const std::uint64_t area : found.areas) add_pointers(area, layout.area.pointers, words);
  return words;
}

std::vector<Range> cow_tree_pointers(const Memory& memory, const Layout& layout,
                                     std::uint64_t map) {
  std::vector<Range> words;
  std::set<std::uint64_t> sources;
  std::set<std::uint64_t> seen;
  for (const std::uint64_t area : read_map(memory, layout, map).areas) {
    const auto links = take_links(memory, layout, area, seen);
    if (links.empty()) continue;
    words.push_back({area + layout.area.source.offset, layout.area.source.size});
    words.push_back({area + layout.area.chain.offset, layout.area.chain.size});
    for (const std::uint64_t link : links) {
      add_pointers(link, layout.link.pointers, words);
      const auto source = memory.number(link + layout.link.source);
      if (source && sources.insert(*source).second) {
        add_pointers(*source, layout.source_pointers, words);
      }
    }
  }
  if (words.empty()) {
    throw Error("the process has no copy-on-write tree: none of its areas has pages of its own");
  }
  return words;
}

}  // namespace hive::agent::kernel
