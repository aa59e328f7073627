// Random pages and ranges for property tests.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <set>

#include "cellmon/firewall/page_range.h"

namespace hive::firewall {

/// The same sequence for the same seed.
class RandomPages {
 public:
  RandomPages(std::uint64_t seed, std::uint64_t pages) : engine_(seed), pages_(pages) {}

  /// A value below BOUND, which is not 0.
  std::uint64_t below(std::uint64_t bound) { return engine_() % bound; }
  PageIndex page() { return below(pages_); }

  /// Mostly short, now and then up to the whole contribution, now and then empty.
  PageRange range() {
    const PageIndex first = below(pages_ + 1);
    const std::uint64_t room = pages_ - first;
    const std::uint64_t longest = below(8) == 0 ? room : std::min<std::uint64_t>(room, 70);
    return {first, below(longest + 1)};
  }

 private:
  std::mt19937_64 engine_;
  std::uint64_t pages_;
};

using Pages = std::set<PageIndex>;

/// RANGES page by page. A page that is in it twice is put in as page 2^64 - 1, which no test has,
/// so that comparisons fail.
inline Pages pages_of(const PageRanges& ranges) {
  Pages pages;
  for (const PageRange& range : ranges) {
    for (PageIndex page = range.first; page < range.end(); ++page) {
      if (!pages.insert(page).second) pages.insert(~PageIndex{0});
    }
  }
  return pages;
}

}  // namespace hive::firewall
