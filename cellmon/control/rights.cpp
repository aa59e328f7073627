#include "cellmon/control/rights.h"

#include <algorithm>

namespace hive::control {
namespace {

using firewall::Ledger;
using firewall::PageIndex;
using firewall::PageRange;
using firewall::PageRanges;

// What is read at a time: little at first, as it may hold a right for every second page.
constexpr std::uint64_t kFirstWindow = 4096;
constexpr std::uint64_t kLargestWindow = 1 << 20;

// Where to go on is one number: the cell, and below it the page.
constexpr unsigned kPageBits = 32;
static_assert(Ledger::kMaxPages <= std::uint64_t{1} << kPageBits);

/// A page past the last is the next cell's first, which is where to go on then.
std::uint64_t place_of(CellId cell, PageIndex page) {
  return (static_cast<std::uint64_t>(cell) << kPageBits) + page;
}

void add(std::vector<Right>& rights, const Right& right) {
  if (right.range.count == 0) return;
  if (!rights.empty() && rights.back().cell == right.cell &&
      rights.back().written == right.written && rights.back().range.end() == right.range.first) {
    rights.back().range.count += right.range.count;
  } else {
    rights.push_back(right);
  }
}

/// Appends CELL's rights to the pages of WINDOW.
void scan(const Ledger& ledger, CellId cell, const PageRange& window, bool only_written,
          std::vector<Right>& rights) {
  const PageRanges written = ledger.written_by(cell, window);
  if (only_written) {
    for (const PageRange& range : written) add(rights, {cell, range, true});
    return;
  }
  // What is written is writable, so that each mark lies within a range.
  auto mark = written.begin();
  for (const PageRange& range : ledger.writable_by(cell, window)) {
    PageIndex at = range.first;
    for (; mark != written.end() && mark->first < range.end(); ++mark) {
      add(rights, {cell, {at, mark->first - at}, false});
      add(rights, {cell, *mark, true});
      at = mark->end();
    }
    add(rights, {cell, {at, range.end() - at}, false});
  }
}

}  // namespace

RightsPart list_rights(const Ledger& ledger, const RightsQuery& query, std::size_t limit) {
  RightsPart part;
  const firewall::WriterSet holders = ledger.holders();
  const std::uint64_t first_cell = query.from >> kPageBits;
  const PageIndex first_page = query.from & ((std::uint64_t{1} << kPageBits) - 1);
  for (std::uint64_t index = first_cell; index < kMaxCells; ++index) {
    const auto cell = static_cast<CellId>(index);
    if (!holders.contains(cell) || (query.cell && *query.cell != cell)) continue;
    PageIndex at = std::max(query.within.first, index == first_cell ? first_page : 0);
    for (std::uint64_t window = kFirstWindow; at < query.within.end();
         window = std::min(2 * window, kLargestWindow)) {
      const PageRange read{at, std::min(window, query.within.end() - at)};
      scan(ledger, cell, read, query.only_written, part.rights);
      at = read.end();
      if (part.rights.size() <= limit) continue;
      part.rights.resize(limit);
      part.next = place_of(part.rights.back().cell, part.rights.back().range.end());
      return part;
    }
  }
  return part;
}

}  // namespace hive::control
