#include "vmm/cell/corruption.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "vmm/base/random.h"
#include "vmm/base/units.h"

namespace hive::cell {
namespace {

constexpr std::uint64_t kWord = 8;
/// How often a place is drawn for each word that is wanted, at most.
constexpr unsigned kTries = 64;

using namespace memory::page_tables;

constexpr std::array<std::pair<std::string_view, CorruptionPlace>, 4> kPlaces{{
    {"physical", CorruptionPlace::kPhysical},
    {"virtual", CorruptionPlace::kVirtual},
    {"stack", CorruptionPlace::kStack},
    {"page-table", CorruptionPlace::kPageTable},
}};
constexpr std::array<std::pair<std::string_view, Change>, 5> kChanges{{
    {"flip", Change::kFlip},
    {"random", Change::kRandom},
    {"zero", Change::kZero},
    {"offset", Change::kOffset},
    {"dangling", Change::kDangling},
}};

template <typename Table, typename Value>
std::string_view find_name(const Table& table, Value wanted) {
  return std::find_if(table.begin(), table.end(),
                      [&](const auto& each) { return each.second == wanted; })
      ->first;
}

template <typename Value, std::size_t N>
std::optional<Value> find_value(const std::array<std::pair<std::string_view, Value>, N>& table,
                                std::string_view wanted) {
  const auto found = std::find_if(table.begin(), table.end(),
                                  [&](const auto& each) { return each.first == wanted; });
  return found == table.end() ? std::nullopt : std::optional(found->second);
}

/// Whether WORD may be an address of a program or of a kernel.
bool may_point(std::uint64_t word) {
  constexpr std::uint64_t kLeast = 0x1000;
  const std::uint64_t sign = word >> 47;
  return word >= kLeast && (sign == 0 || sign == 0x1ffff);
}

bool suits(Change change, std::uint64_t word) {
  if (change == Change::kZero) return word != 0;
  return (change != Change::kOffset && change != Change::kDangling) || may_point(word);
}

/// Another word than WORD.
std::uint64_t changed(Change change, std::uint64_t word, std::uint64_t unit, Random& random) {
  switch (change) {
    case Change::kFlip:
      return word ^ std::uint64_t{1} << random.below(64);
    case Change::kRandom: {
      const std::uint64_t other = random.next();
      return other == word ? ~word : other;
    }
    case Change::kZero:
      return 0;
    case Change::kOffset: {
      const std::uint64_t offset = (1 + random.below(kMaxOffset)) * unit;
      return random.below(2) == 0 ? word + offset : word - offset;
    }
    case Change::kDangling: {
      constexpr unsigned kFirst = 12, kBits = 18;
      const std::uint64_t step = 1 + random.below((1 << kBits) - 1);
      const std::uint64_t mask = ((std::uint64_t{1} << kBits) - 1) << kFirst;
      return (word & ~mask) | ((word + (step << kFirst)) & mask);
    }
  }
  return word;
}

/// The entries of the table at TABLE that are present.
std::vector<WordChange> present_entries(std::uint64_t table, const ReadWord& read) {
  std::vector<WordChange> entries;
  for (unsigned index = 0; index < kEntries; ++index) {
    const std::uint64_t address = table + index * kWord;
    const auto entry = read(address);
    if (entry && (*entry & kPresent) != 0) entries.push_back({address, *entry, 0});
  }
  return entries;
}

/// One way down, to some level.
std::optional<WordChange> draw_entry(std::uint64_t root, unsigned levels, Random& random,
                                     const ReadWord& read) {
  const unsigned last = 1 + static_cast<unsigned>(random.below(levels));
  std::optional<WordChange> found;
  std::uint64_t table = root;
  for (unsigned level = levels; level >= last; --level) {
    const std::vector<WordChange> entries = present_entries(table, read);
    if (entries.empty()) break;
    found = entries[random.below(entries.size())];
    if (level <= kLargestLeaf && (found->before & kLarge) != 0) break;
    table = found->before & kFrame;
  }
  return found;
}

}  // namespace

std::string_view name_of(CorruptionPlace place) { return find_name(kPlaces, place); }
std::string_view name_of(Change change) { return find_name(kChanges, change); }
std::optional<CorruptionPlace> find_place(std::string_view name) {
  return find_value(kPlaces, name);
}
std::optional<Change> find_change(std::string_view name) { return find_value(kChanges, name); }

std::vector<WordChange> draw_words(std::span<const Range> targets, Change change, unsigned count,
                                   std::uint64_t seed, const ReadWord& read) {
  std::vector<Range> words;  // Of whole words, in numbers of them.
  std::uint64_t total = 0;
  for (const Range& target : targets) {
    const std::uint64_t first = (target.start + kWord - 1) / kWord;
    const std::uint64_t end = target.end() / kWord;
    if (first >= end) continue;
    words.push_back({first, end - first});
    total += end - first;
  }
  std::vector<WordChange> changes;
  std::set<std::uint64_t> seen;
  Random random(seed);
  for (unsigned tries = 0; total != 0 && changes.size() < count && tries < count * kTries;
       ++tries) {
    std::uint64_t index = random.below(total);
    auto range = words.begin();
    for (; index >= range->size; ++range) index -= range->size;
    const std::uint64_t address = (range->start + index) * kWord;
    const auto before = read(address);
    if (!before || !suits(change, *before) || !seen.insert(address).second) continue;
    changes.push_back({address, *before, changed(change, *before, 1, random)});
  }
  return changes;
}

std::vector<WordChange> draw_entries(std::uint64_t root, unsigned levels, Change change,
                                     unsigned count, std::uint64_t seed, const ReadWord& read) {
  constexpr unsigned kEntryTries = 8;
  std::vector<WordChange> changes;
  std::set<std::uint64_t> seen;
  Random random(seed);
  for (unsigned tries = 0; changes.size() < count && tries < count * kEntryTries; ++tries) {
    auto entry = draw_entry(root & kFrame, levels, random, read);
    if (!entry || !seen.insert(entry->address).second) continue;
    entry->after = changed(change, entry->before, kPageSize, random);
    changes.push_back(*entry);
  }
  return changes;
}

std::vector<std::uint64_t> draw_pages(std::span<const Range> targets, unsigned count,
                                      std::uint64_t seed) {
  std::vector<Range> pages;  // In numbers of pages.
  std::uint64_t total = 0;
  for (const Range& target : targets) {
    if (target.size == 0) continue;
    const std::uint64_t first = target.start / kPageSize;
    const std::uint64_t last = (target.end() - 1) / kPageSize;
    pages.push_back({first, last - first + 1});
    total += last - first + 1;
  }
  std::vector<std::uint64_t> drawn;
  std::set<std::uint64_t> seen;
  Random random(seed);
  for (unsigned tries = 0; total != 0 && drawn.size() < count && tries < count * kTries; ++tries) {
    std::uint64_t index = random.below(total);
    auto range = pages.begin();
    for (; index >= range->size; ++range) index -= range->size;
    const std::uint64_t page = (range->start + index) * kPageSize;
    if (seen.insert(page).second) drawn.push_back(page);
  }
  return drawn;
}

}  // namespace hive::cell
