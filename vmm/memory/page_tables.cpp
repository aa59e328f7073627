#include "vmm/memory/page_tables.h"

namespace hive::memory::page_tables {

std::optional<std::uint64_t> translate(std::uint64_t root, unsigned levels, std::uint64_t address,
                                       const ReadWord& read) {
  std::uint64_t table = root & kFrame;
  for (unsigned level = levels; level > 0; --level) {
    const std::uint64_t span = span_of(level);
    const auto entry = read(table + address / span % kEntries * sizeof(std::uint64_t));
    if (!entry || (*entry & kPresent) == 0) return std::nullopt;
    if (level == 1 || (level <= kLargestLeaf && (*entry & kLarge) != 0)) {
      return (*entry & kFrame & ~(span - 1)) + address % span;
    }
    table = *entry & kFrame;
  }
  return std::nullopt;
}

}  // namespace hive::memory::page_tables
