#include "cellmon/firewall/page_range.h"

#include <algorithm>

namespace hive::firewall {

PageRanges joined(const PageRanges& ranges, std::uint64_t gap,
                  const std::function<bool(const PageRange& between)>& may_join) {
  PageRanges all;
  for (const PageRange& range : ranges) {
    const PageIndex end = all.empty() ? 0 : all.back().end();
    const bool near = !all.empty() && range.first >= end && range.first - end <= gap;
    if (near && (range.first == end || may_join({end, range.first - end}))) {
      all.back().count = range.end() - all.back().first;
    } else {
      all.push_back(range);
    }
  }
  return all;
}

PageRanges merged(std::span<const PageRange> pattern) {
  PageRanges sorted(pattern.begin(), pattern.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const PageRange& a, const PageRange& b) { return a.first < b.first; });
  PageRanges ranges;
  PageIndex end = 0;  // of what is in RANGES
  for (const PageRange& range : sorted) {
    const PageIndex first = std::max(range.first, end);
    if (range.end() <= first) continue;
    append(ranges, {first, range.end() - first});
    end = range.end();
  }
  return ranges;
}

PageRanges without(const PageRanges& ranges, const PageRanges& holes) {
  PageRanges rest;
  auto hole = holes.begin();
  for (const PageRange& range : ranges) {
    PageIndex first = range.first;
    while (hole != holes.end() && hole->end() <= first) ++hole;
    // The last one may reach into the next range.
    for (auto cut = hole; cut != holes.end() && cut->first < range.end(); ++cut) {
      if (cut->first > first) append(rest, {first, cut->first - first});
      first = cut->end();
    }
    if (first < range.end()) append(rest, {first, range.end() - first});
  }
  return rest;
}

}  // namespace hive::firewall
