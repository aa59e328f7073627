#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <string>
#include <utility>

#include "vmm/base/units.h"
#include "vmm/plan/values.h"

namespace hive::plan {
namespace {

/// Bytes of the unit that SUFFIX is a sloppy spelling of: any case, "m", "mb" or "mib"; 0 for none.
std::uint64_t sloppy_unit(std::string_view suffix) {
  std::string unit(suffix);
  for (char& c : unit) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  constexpr std::array<std::pair<char, std::uint64_t>, 4> kLetters{
      {{'k', kKiB}, {'m', kMiB}, {'g', kGiB}, {'t', 1024 * kGiB}}};
  for (const auto& [letter, bytes] : kLetters) {
    if (unit.empty() || unit[0] != letter) continue;
    const std::string_view rest = std::string_view(unit).substr(1);
    if (rest.empty() || rest == "b" || rest == "ib") return bytes;
  }
  return 0;
}

/// NUMBER, with or without a fraction, times UNIT, when that is a whole number of bytes.
std::optional<std::uint64_t> times(std::string_view number, std::uint64_t unit) {
  const auto point = number.find('.');
  const std::string_view fraction =
      point == std::string_view::npos ? std::string_view() : number.substr(point + 1);
  if (fraction.size() > 6) return std::nullopt;
  const std::string digits = std::string(number.substr(0, point)) + std::string(fraction);
  std::uint64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [rest, error] = std::from_chars(digits.data(), end, value);
  if (error != std::errc{} || rest != end) return std::nullopt;
  std::uint64_t divisor = 1;
  for (std::size_t i = 0; i < fraction.size(); ++i) divisor *= 10;
  if (value == 0 || value > std::numeric_limits<std::uint64_t>::max() / unit) return std::nullopt;
  if (value * unit % divisor != 0) return std::nullopt;
  return value * unit / divisor;
}

}  // namespace

std::optional<std::string> suggest_size(std::string_view text) {
  const auto number_end = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view number = text.substr(0, number_end);
  std::string_view suffix = text.substr(number_end);
  while (!suffix.empty() && suffix.front() == ' ') suffix.remove_prefix(1);

  std::uint64_t unit = sloppy_unit(suffix);
  if (suffix.empty()) {
    // A bare number is MiB, unless it is so large that it can only be bytes.
    const auto bytes = times(number, 1);
    unit = bytes && *bytes >= kMiB ? 1 : kMiB;
  }
  if (unit == 0) return std::nullopt;
  const auto bytes = times(number, unit);
  if (!bytes || *bytes % kMiB != 0) return std::nullopt;
  return format_size(*bytes);
}

}  // namespace hive::plan
