// Which words of a guest's memory a fault changes, and into what: drawn from a seed, so that a run
// can be repeated. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "vmm/base/range.h"
#include "vmm/memory/page_tables.h"

namespace hive::cell {

/// Where the VMM looks for words.
enum class CorruptionPlace : std::uint8_t {
  kPhysical,   ///< Guest-physical ranges.
  kVirtual,    ///< Ranges of virtual addresses, as a vCPU has them mapped.
  kStack,      ///< Above the stack pointer of a vCPU.
  kPageTable,  ///< Entries that are present, in the page tables of a vCPU.
};

/// What becomes of a word.
enum class Change : std::uint8_t {
  kFlip,      ///< One bit is another one.
  kRandom,    ///< All of it is another word.
  kZero,      ///< It is 0, and was not.
  kOffset,    ///< A pointer is a bit off, by up to kMaxOffset either way.
  kDangling,  ///< A pointer points into another page, of the same GiB.
};

struct Corruption {
  CorruptionPlace place{};
  Change change{};
  unsigned count = 1;         ///< How many words, from 1 to kMaxChanges.
  std::uint64_t seed = 0;     ///< Of what is drawn.
  std::vector<Range> ranges;  ///< Of kPhysical and kVirtual: from 1 to kMaxRanges; else none.

  friend bool operator==(const Corruption&, const Corruption&) = default;
};

inline constexpr unsigned kMaxChanges = 1000;
/// How many pages may fail at once: there is a bank for each.
inline constexpr unsigned kMaxFailedPages = 8;
inline constexpr std::size_t kMaxRanges = 128;
inline constexpr std::uint64_t kMaxOffset = 64;

/// By the names in which people and packets have them.
std::string_view name_of(CorruptionPlace place);
std::string_view name_of(Change change);
std::optional<CorruptionPlace> find_place(std::string_view name);
std::optional<Change> find_change(std::string_view name);

/// A word of 8 bytes that changes.
struct WordChange {
  std::uint64_t address = 0;  ///< Guest-physical, a multiple of 8.
  std::uint64_t before = 0;
  std::uint64_t after = 0;

  friend bool operator==(const WordChange&, const WordChange&) = default;
};

/// The word at a guest-physical address; nothing where there is no RAM.
using memory::page_tables::ReadWord;

/// Up to COUNT words of TARGETS (guest-physical, in RAM) that can be changed so, each once, in the
/// order in which they are drawn. Fewer where there are no more, or where they are rare.
std::vector<WordChange> draw_words(std::span<const Range> targets, Change change, unsigned count,
                                   std::uint64_t seed, const ReadWord& read);

/// The same with entries that are present, on ways from the page table at ROOT (guest-physical) of
/// LEVELS (4 or 5) down. A pointer that is off is off by whole pages.
std::vector<WordChange> draw_entries(std::uint64_t root, unsigned levels, Change change,
                                     unsigned count, std::uint64_t seed, const ReadWord& read);

/// Up to COUNT pages that have some of TARGETS (guest-physical), by their addresses, each once, in
/// the order in which they are drawn.
std::vector<std::uint64_t> draw_pages(std::span<const Range> targets, unsigned count,
                                      std::uint64_t seed);

}  // namespace hive::cell
