#include "guests/agent/load.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <limits>

namespace hive::agent {
namespace {

/// A line's name, and where its number goes.
struct Place {
  std::string_view name;
  std::uint64_t hive_agent_load::*member;
};

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

/// The number that TEXT begins with, after blanks.
std::optional<std::uint64_t> number_in(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  std::uint64_t number = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  return result.ec == std::errc() ? std::optional(number) : std::nullopt;
}

/// Lines of TEXT, "NAME NUMBER", into PLACES, times SCALE.
template <std::size_t kCount>
void add_lines(std::string_view text, const std::array<Place, kCount>& places, std::uint64_t scale,
               hive_agent_load& load) {
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    for (const Place& place : places) {
      if (!line.starts_with(place.name)) continue;
      const auto number = number_in(line.substr(place.name.size()));
      if (number && *number <= std::numeric_limits<std::uint64_t>::max() / scale) {
        load.*place.member = *number * scale;
      }
    }
  }
}

}  // namespace

void add_meminfo(std::string_view text, hive_agent_load& load) {
  static constexpr std::array<Place, 7> kPlaces{{
      {"MemTotal:", &hive_agent_load::total},
      {"MemFree:", &hive_agent_load::free},
      {"MemAvailable:", &hive_agent_load::available},
      {"Cached:", &hive_agent_load::cached},
      {"SwapTotal:", &hive_agent_load::swap_total},
      {"SwapFree:", &hive_agent_load::swap_free},
      {"Dirty:", &hive_agent_load::dirty},
  }};
  constexpr std::uint64_t kKib = 1024;
  add_lines(text, kPlaces, kKib, load);
}

void add_vmstat(std::string_view text, hive_agent_load& load) {
  static constexpr std::array<Place, 3> kPlaces{{
      {"pgmajfault ", &hive_agent_load::major_faults},
      {"pswpin ", &hive_agent_load::swapped_in},
      {"pswpout ", &hive_agent_load::swapped_out},
  }};
  add_lines(text, kPlaces, 1, load);
}

void add_pressure(std::string_view text, hive_agent_load& load) {
  constexpr std::string_view kTotal = "total=";
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    const std::size_t at = line.find(kTotal);
    if (at == std::string_view::npos) continue;
    const auto number = number_in(line.substr(at + kTotal.size()));
    if (!number) continue;
    if (line.starts_with("some ")) load.some_stalled_us = *number;
    if (line.starts_with("full ")) load.all_stalled_us = *number;
  }
}

std::optional<hive_agent_load> read_load(const std::string& proc) {
  hive_agent_load load{};
  add_meminfo(read_file(proc + "/meminfo"), load);
  if (load.total == 0 || load.free > load.total) return std::nullopt;
  // The lines are not of one moment.
  load.available = std::min(load.available, load.total);
  load.cached = std::min(load.cached, load.total);
  load.swap_free = std::min(load.swap_free, load.swap_total);
  add_vmstat(read_file(proc + "/vmstat"), load);
  add_pressure(read_file(proc + "/pressure/memory"), load);
  return load;
}

}  // namespace hive::agent
