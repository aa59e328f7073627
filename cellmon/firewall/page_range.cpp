#include "cellmon/firewall/page_range.h"

#include <algorithm>

namespace hive::firewall {

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

}  // namespace hive::firewall
