#include "vmm/dump/mappings.h"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_set>

#include "vmm/base/units.h"
#include "vmm/memory/page_tables.h"

namespace hive::dump {
namespace {

using namespace memory::page_tables;

/// Tables that are read: enough for 64 TiB of RAM in 2 MiB pages.
constexpr std::size_t kMaxTables = 65536;

unsigned levels_of(const Cpu& cpu) {
  return memory::page_tables::levels_of(cpu.sregs.cr0, cpu.sregs.cr4, cpu.sregs.efer);
}

/// A table that a program's CPU uses may have little of the kernel.
std::optional<Cpu> choose(std::span<const Cpu> cpus) {
  for (const bool in_kernel : {true, false}) {
    for (const Cpu& cpu : cpus) {
      if (levels_of(cpu) != 0 && (!in_kernel || cpu.sregs.cs.dpl == 0)) return cpu;
    }
  }
  return std::nullopt;
}

/// Gathers mappings in order.
class Collector {
 public:
  explicit Collector(const memory::GuestMemory& memory) : memory_(memory) {}

  /// The page [PHYSICAL, PHYSICAL + SIZE) is at VIRTUAL: what of it is RAM counts.
  void add(std::uint64_t virtual_address, std::uint64_t physical, std::uint64_t size) {
    for (const memory::MemoryRegion& region : memory_.all_regions()) {
      const std::uint64_t start = std::max(physical, region.guest.start);
      const std::uint64_t end = std::min(physical + size, region.guest.end());
      if (start < end) append({virtual_address + (start - physical), start, end - start});
    }
  }

  std::vector<Mapping> take() {
    prune();
    return std::move(mappings_);
  }

 private:
  void append(const Mapping& next) {
    if (!mappings_.empty()) {
      Mapping& last = mappings_.back();
      if (last.virtual_address + last.size == next.virtual_address &&
          last.physical + last.size == next.physical && within_one_region(last, next)) {
        last.size += next.size;
        return;
      }
    }
    mappings_.push_back(next);
    if (mappings_.size() >= 2 * kMaxMappings) prune();
  }

  [[nodiscard]] bool within_one_region(const Mapping& last, const Mapping& next) const {
    const auto regions = memory_.all_regions();
    return std::any_of(regions.begin(), regions.end(), [&](const memory::MemoryRegion& region) {
      return region.guest.contains(last.physical) &&
             next.physical + next.size <= region.guest.end();
    });
  }

  /// Keeps the longest.
  void prune() {
    if (mappings_.size() <= kMaxMappings) return;
    std::stable_sort(mappings_.begin(), mappings_.end(),
                     [](const Mapping& a, const Mapping& b) { return a.size > b.size; });
    mappings_.resize(kMaxMappings);
    std::sort(mappings_.begin(), mappings_.end(), [](const Mapping& a, const Mapping& b) {
      return a.virtual_address < b.virtual_address;
    });
  }

  const memory::GuestMemory& memory_;
  std::vector<Mapping> mappings_;
};

class Walk {
 public:
  Walk(const memory::GuestMemory& memory, Collector& collector)
      : memory_(memory), collector_(collector) {}

  /// Follows the entries from FIRST on of the table at PHYSICAL, of LEVEL (1: of 4 KiB pages),
  /// which is for the addresses from BASE on.
  void follow(std::uint64_t physical, unsigned level, std::uint64_t base, unsigned first = 0) {
    if (seen_.size() >= kMaxTables || !seen_.insert(physical).second) return;
    const auto table = memory_.load<std::array<std::uint64_t, kEntries>>({physical});
    if (!table) return;
    const std::uint64_t size = span_of(level);
    for (unsigned index = first; index < kEntries; ++index) {
      const std::uint64_t entry = (*table)[index];
      if ((entry & kPresent) == 0) continue;
      const std::uint64_t address = base + index * size;
      const bool leaf = level == 1 || (level <= kLargestLeaf && (entry & kLarge) != 0);
      if (leaf) {
        collector_.add(address, align_down(entry & kFrame, size), size);
      } else {
        follow(entry & kFrame, level - 1, address);
      }
    }
  }

 private:
  const memory::GuestMemory& memory_;
  Collector& collector_;
  std::unordered_set<std::uint64_t> seen_;  ///< Tables.
};

}  // namespace

std::vector<Mapping> kernel_mappings(const memory::GuestMemory& memory, std::span<const Cpu> cpus) {
  const auto cpu = choose(cpus);
  if (!cpu) return {};
  const unsigned levels = levels_of(*cpu);
  // Addresses are extended by their sign: those of the upper half end at 2^64.
  const std::uint64_t base = ~std::uint64_t{0} << (12 + 9 * levels);
  Collector collector(memory);
  Walk(memory, collector).follow(cpu->sregs.cr3 & kFrame, levels, base, kEntries / 2);
  return collector.take();
}

}  // namespace hive::dump
