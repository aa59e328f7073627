#include "guests/ctl/numbers.h"

#include <charconv>

#include "vmm/base/units.h"

namespace hive::ctl {
namespace {

/// Splits TEXT at the first MARK. False where there is none: then FIRST is all of it.
bool split(std::string_view text, char mark, std::string_view& first, std::string_view& rest) {
  const std::size_t at = text.find(mark);
  first = text.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  return at != std::string_view::npos;
}

/// COUNT pages from FIRST, of every STRIDE the first USED.
void add_groups(std::vector<hive_pattern>& patterns, std::uint64_t first, std::uint64_t count,
                std::uint64_t used, std::uint64_t stride) {
  const std::uint64_t whole = count / stride;
  const std::uint64_t rest = count % stride;
  // A last group that is cut short may still have all of its used pages.
  const std::uint64_t runs = whole + (rest >= used ? 1 : 0);
  if (runs > 0) patterns.push_back({first, used, stride, runs});
  if (rest > 0 && rest < used) patterns.push_back({first + whole * stride, rest, rest, 1});
}

bool parse_range(std::string_view text, std::uint64_t pages, std::vector<hive_pattern>& patterns) {
  std::string_view range;
  std::string_view groups;
  std::string_view low;
  std::string_view high;
  const bool grouped = split(text, ':', range, groups);
  const bool ranged = split(range, '-', low, high);
  const auto first = parse_number(low);
  const auto last = ranged ? parse_number(high) : first;
  if (!first || !last || *first > *last || *last >= pages) return false;
  const std::uint64_t count = *last - *first + 1;
  if (!grouped) {
    patterns.push_back({*first, count, count, 1});
    return true;
  }
  std::string_view numerator;
  std::string_view denominator;
  if (!split(groups, '/', numerator, denominator)) return false;
  const auto used = parse_number(numerator);
  const auto stride = parse_number(denominator);
  if (!used || !stride || *used == 0 || *used > *stride) return false;
  add_groups(patterns, *first, count, *used, *stride);
  return true;
}

}  // namespace

std::optional<std::uint64_t> parse_number(std::string_view text) {
  const bool hexadecimal = text.substr(0, 2) == "0x";
  if (hexadecimal) text.remove_prefix(2);
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, hexadecimal ? 16 : 10);
  if (text.empty() || error != std::errc{} || rest != end) return std::nullopt;
  return number;
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  const auto number = parse_number(text);
  return number ? number : parse_size(text);
}

std::optional<std::vector<hive_pattern>> parse_pages(std::string_view text, std::uint64_t pages) {
  std::vector<hive_pattern> patterns;
  if (text == "all") {
    patterns.push_back({0, pages, pages, 1});
    return patterns;
  }
  std::string_view range;
  for (bool more = true; more;) {
    std::string_view rest;
    more = split(text, ',', range, rest);
    if (!parse_range(range, pages, patterns)) return std::nullopt;
    text = rest;
  }
  return patterns;
}

}  // namespace hive::ctl
