// Who may write a section, as one home tells it another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "cellmon/firewall/ledger.h"

namespace hive::firewall {

/// What one cell has of a section; pages count from the section's start.
struct CellRights {
  CellId cell{};
  PageRanges writable;
  PageRanges written;           ///< Marks: some of them.
  Incarnation incarnation = 0;  ///< Of the cell that has them, where that is known.

  friend bool operator==(const CellRights&, const CellRights&) = default;
};

/// By cell, each once; a cell without rights is left out.
using SectionRights = std::vector<CellRights>;

/// What all cells but home have of the pages of RANGE.
SectionRights rights_of(const Ledger& ledger, const PageRange& range);
/// As RIGHTS, whose pages count from RANGE's start, in LEDGER's pages.
void restore_rights(Ledger& ledger, const PageRange& range, const SectionRights& rights);

/// The cells that RIGHTS are about.
WriterSet holders_of(const SectionRights& rights);

/// As words, for a section of PAGES pages: for each holder, the lowest first, its incarnation, then
/// bitmaps of its writable pages and of its written ones, each in whole words.
std::vector<std::uint64_t> encode_rights(const SectionRights& rights, std::uint64_t pages);
/// How many words that are.
std::uint64_t count_words(WriterSet holders, std::uint64_t pages);
/// The same back; nothing where WORDS, which may be anything, are none of that kind.
std::optional<SectionRights> decode_rights(std::span<const std::uint64_t> words, WriterSet holders,
                                           std::uint64_t pages);

}  // namespace hive::firewall
