// Pages of one cell's contribution to global memory, and ranges of them.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "vmm/base/units.h"

namespace hive::firewall {

/// A 4 KiB page's place within its home's contribution, from 0.
using PageIndex = std::uint64_t;

/// The pages from `first` to `first + count - 1`. A range that came from outside may be anything,
/// even one whose end exceeds 2^64: ask lies_within() before end().
struct PageRange {
  PageIndex first = 0;
  std::uint64_t count = 0;

  [[nodiscard]] constexpr PageIndex end() const { return first + count; }
  friend constexpr bool operator==(const PageRange&, const PageRange&) = default;
};

/// Ranges in the order in which they were made. What the ledger returns has neither empty ranges
/// nor, within one answer, a page twice.
using PageRanges = std::vector<PageRange>;

/// Whether RANGE lies within a contribution of PAGES pages. Never wraps. An empty range does, where
/// it starts at or before the end.
constexpr bool lies_within(const PageRange& range, std::uint64_t pages) {
  return range.first <= pages && range.count <= pages - range.first;
}

/// How many pages hold BYTES bytes. Never wraps.
constexpr std::uint64_t pages_for(std::uint64_t bytes) {
  return bytes / kPageSize + (bytes % kPageSize != 0 ? 1 : 0);
}

/// Appends RANGE to RANGES; one that starts where the last one ends makes that one longer.
inline void append(PageRanges& ranges, const PageRange& range) {
  if (range.count == 0) return;
  if (!ranges.empty() && ranges.back().end() == range.first) {
    ranges.back().count += range.count;
  } else {
    ranges.push_back(range);
  }
}

/// How many pages RANGES have together.
inline std::uint64_t count_pages(const PageRanges& ranges) {
  std::uint64_t pages = 0;
  for (const PageRange& range : ranges) pages += range.count;
  return pages;
}

/// RANGES with a range and the next made one, pages between included, where these are at most GAP
/// and MAY_JOIN says of them that they may be. Ranges that do not ascend stay as they are.
PageRanges joined(const PageRanges& ranges, std::uint64_t gap,
                  const std::function<bool(const PageRange& between)>& may_join);

/// The pages of PATTERN in ascending order, each once. The ranges must lie within a contribution.
PageRanges merged(std::span<const PageRange> pattern);

/// What of RANGES is not in HOLES. Both ascend, and have no page twice.
PageRanges without(const PageRanges& ranges, const PageRanges& holes);

}  // namespace hive::firewall
