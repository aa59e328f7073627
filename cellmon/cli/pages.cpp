#include "cellmon/cli/pages.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

namespace hive::cli {
namespace {

/// Fewer runs than this are clearer one by one.
constexpr std::uint64_t kFewestRuns = 3;

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || rest != end || number >= kMaxPageNumber) return std::nullopt;
  return number;
}

/// What is before the first MARK in TEXT, and what is after it, if it is there.
std::pair<std::string_view, std::optional<std::string_view>> cut(std::string_view text, char mark) {
  const std::size_t at = text.find(mark);
  if (at == std::string_view::npos) return {text, std::nullopt};
  return {text.substr(0, at), text.substr(at + 1)};
}

/// Of every STRIDE of COUNT pages from FIRST, the first USED; the last group may be cut short.
void add_groups(std::uint64_t first, std::uint64_t count, std::uint64_t used, std::uint64_t stride,
                std::vector<PagePattern>& patterns) {
  const std::uint64_t rest = count % stride;
  const std::uint64_t runs = count / stride + (rest >= used ? 1 : 0);
  if (runs > 0) patterns.push_back({first, used, stride, runs});
  if (rest > 0 && rest < used) patterns.push_back({first + (count - rest), rest, rest, 1});
}

bool parse_range(std::string_view text, std::vector<PagePattern>& patterns) {
  const auto [range, groups] = cut(text, ':');
  const auto [low, high] = cut(range, '-');
  const auto first = parse_number(low);
  const auto last = high ? parse_number(*high) : first;
  if (!first || !last || *last < *first) return false;
  const std::uint64_t count = *last - *first + 1;
  if (!groups) {
    patterns.push_back({*first, count, count, 1});
    return true;
  }
  const auto [numerator, denominator] = cut(*groups, '/');
  const auto used = parse_number(numerator);
  const auto stride = denominator ? parse_number(*denominator) : std::nullopt;
  if (!used || !stride || *used == 0 || *stride < *used) return false;
  add_groups(*first, count, *used, *stride, patterns);
  return true;
}

/// How many of RUNS, from number FIRST, are alike and equally far apart.
std::uint64_t count_alike(const std::vector<PageRun>& runs, std::size_t first) {
  if (first + 1 >= runs.size()) return 1;
  const std::uint64_t stride = runs[first + 1].first - runs[first].first;
  std::size_t next = first + 1;
  while (next < runs.size() && runs[next].pages == runs[first].pages &&
         runs[next].first - runs[next - 1].first == stride) {
    ++next;
  }
  return next - first;
}

}  // namespace

std::optional<PageList> parse_pages(std::string_view text) {
  PageList list;
  list.all = text == "all";
  if (list.all) return list;
  for (std::optional<std::string_view> rest = text; rest;) {
    const auto [range, others] = cut(*rest, ',');
    if (!parse_range(range, list.patterns)) return std::nullopt;
    rest = others;
  }
  return list;
}

std::string format_pages(const PagePattern& pattern) {
  const std::uint64_t last =
      pattern.first + (pattern.runs - 1) * pattern.stride + pattern.pages - 1;
  if (last == pattern.first) return fmt::format("{}", pattern.first);
  if (pattern.runs == 1) return fmt::format("{}-{}", pattern.first, last);
  return fmt::format("{}-{}:{}/{}", pattern.first, last, pattern.pages, pattern.stride);
}

std::vector<PatternOfRuns> find_patterns(const std::vector<PageRun>& runs) {
  std::vector<PatternOfRuns> patterns;
  for (std::size_t at = 0; at < runs.size();) {
    std::uint64_t alike = count_alike(runs, at);
    if (alike < kFewestRuns) alike = 1;
    const std::uint64_t stride = alike > 1 ? runs[at + 1].first - runs[at].first : runs[at].pages;
    PatternOfRuns found{{runs[at].first, runs[at].pages, stride, alike}, 0};
    for (const std::size_t end = at + alike; at < end; ++at) found.written += runs[at].written;
    patterns.push_back(found);
  }
  return patterns;
}

}  // namespace hive::cli
