#include "guests/agent/kernel/maple_tree.h"

#include <cstring>
#include <optional>
#include <set>
#include <utility>

#include "vmm/base/error.h"
#include "vmm/base/units.h"

namespace hive::agent::kernel {
namespace {

// A word that leads to a node (Linux, include/linux/maple_tree.h: MAPLE_NODE_MASK,
// MAPLE_NODE_TYPE_SHIFT, MAPLE_NODE_TYPE_MASK, enum maple_type). Nodes are aligned to 256 bytes;
// the lower bits have the type.
constexpr std::uint64_t kNodeMask = 0xff, kTypeMask = 0xf;
constexpr unsigned kTypeShift = 3;
enum Type : std::uint64_t { kLeaf = 1, kRange = 2, kAllocator = 3 };

/// A process has at most 65530 areas (sysctl vm.max_map_count), unless someone wants more.
constexpr std::size_t kMaxNodes = 32'768;
constexpr std::uint64_t kWord = 8;
constexpr std::uint64_t kLastIndex = ~std::uint64_t{0};

/// Whether the root word leads to a node, and is no entry itself (include/linux/xarray.h:
/// xa_is_node()).
bool is_node(std::uint64_t root) { return (root & 3) == 2 && root > 4096; }

/// A node that is to be looked at.
struct Ahead {
  std::uint64_t word = 0;
  std::uint64_t last = 0;  ///< The last index below it.
};

class Walk {
 public:
  Walk(const Memory& memory, const MapleLayout& layout)
      : memory_(memory), layout_(layout), bytes_(layout.node_size) {}

  MapleTree run(std::uint64_t root) {
    if (is_node(root)) ahead_.push_back({root, kLastIndex});
    while (!ahead_.empty() && seen_.size() < kMaxNodes) {
      const Ahead next = ahead_.back();
      ahead_.pop_back();
      look(next);
    }
    return std::move(tree_);
  }

 private:
  void look(const Ahead& node) {
    const std::uint64_t address = node.word & ~kNodeMask;
    const std::uint64_t type = node.word >> kTypeShift & kTypeMask;
    if (type < kLeaf || type > kAllocator || !seen_.insert(address).second) return;
    if (!memory_.read(address, bytes_)) return;
    const MapleLayout::Node& layout = type == kAllocator ? layout_.allocator : layout_.range;
    std::uint64_t used = 0;
    for (; used < layout.slots.count; ++used) {
      const auto last = last_index(layout, used, node.last);
      if (!last) break;
      const std::uint64_t slot = word_at(layout.slots.offset + used * kWord);
      if (slot != 0 && type == kLeaf) tree_.entries.push_back(slot);
      if (slot != 0 && type != kLeaf) ahead_.push_back({slot, *last});
      if (*last >= node.last) {
        ++used;
        break;
      }
    }
    if (used != 0) tree_.slots.push_back({address + layout.slots.offset, used * kWord});
  }

  /// The last index of slot NUMBER in a node whose own is LAST; nothing where that and those behind
  /// it are not in use (as lib/maple_tree.c: mt_dump_range64(), mt_dump_arange64()).
  [[nodiscard]] std::optional<std::uint64_t> last_index(const MapleLayout::Node& layout,
                                                        std::uint64_t number,
                                                        std::uint64_t last) const {
    if (number == layout.pivots.count) return last;
    const std::uint64_t pivot = word_at(layout.pivots.offset + number * kWord);
    if (pivot == 0 && number > 0) return std::nullopt;
    return pivot;
  }

  [[nodiscard]] std::uint64_t word_at(std::uint64_t offset) const {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes_.data() + offset, sizeof word);
    return word;
  }

  const Memory& memory_;
  const MapleLayout& layout_;
  std::vector<char> bytes_;  ///< Of the node that is looked at.
  std::vector<Ahead> ahead_;
  std::set<std::uint64_t> seen_;
  MapleTree tree_;
};

/// Whether NODE is of words, and within SIZE bytes.
bool is_sound(const MapleLayout::Node& node, std::uint64_t size) {
  const auto fits = [size](const Field& field) {
    return field.size == kWord && field.count <= size / kWord &&
           fits_within(field.offset, field.count * kWord, size);
  };
  return fits(node.pivots) && fits(node.slots) && node.slots.count == node.pivots.count + 1;
}

}  // namespace

MapleLayout maple_layout(const Btf& types) {
  const MapleLayout layout{
      types.size_of("maple_node"),
      {types.field("maple_node", "mr64.pivot"), types.field("maple_node", "mr64.slot")},
      {types.field("maple_node", "ma64.pivot"), types.field("maple_node", "ma64.slot")}};
  if (layout.node_size > kPageSize || !is_sound(layout.range, layout.node_size) ||
      !is_sound(layout.allocator, layout.node_size)) {
    throw Error("the kernel has maple trees that this agent does not know");
  }
  return layout;
}

MapleTree read_maple_tree(const Memory& memory, const MapleLayout& layout, std::uint64_t root) {
  return Walk(memory, layout).run(root);
}

}  // namespace hive::agent::kernel
