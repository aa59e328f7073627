// Pages as people write them: a list such as "5", "0-63", "0-63:1/2" (of every 2 pages the first
// 1), several with commas, or "all". It is what hivectl takes, too.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hive::cli {

/// `runs` runs of `pages` pages each, `stride` pages from one's start to the next one's.
struct PagePattern {
  std::uint64_t first = 0;
  std::uint64_t pages = 1;
  std::uint64_t stride = 1;
  std::uint64_t runs = 1;

  friend bool operator==(const PagePattern&, const PagePattern&) = default;
};

struct PageList {
  bool all = false;  ///< All there are; `patterns` is then empty.
  std::vector<PagePattern> patterns;
};

/// Numbers of pages are below this.
inline constexpr std::uint64_t kMaxPageNumber = std::uint64_t{1} << 40;

/// Nothing where TEXT is no list of pages.
std::optional<PageList> parse_pages(std::string_view text);

/// The inverse for one pattern.
std::string format_pages(const PagePattern& pattern);

/// Pages one after the other, some of which were written.
struct PageRun {
  std::uint64_t first = 0;
  std::uint64_t pages = 0;
  std::uint64_t written = 0;
};

struct PatternOfRuns {
  PagePattern pattern;
  std::uint64_t written = 0;  ///< Pages, of all its runs.
};

/// RUNS, which are in ascending order and do not adjoin, as few patterns.
std::vector<PatternOfRuns> find_patterns(const std::vector<PageRun>& runs);

}  // namespace hive::cli
