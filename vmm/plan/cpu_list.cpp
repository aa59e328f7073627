#include "vmm/plan/cpu_list.h"

#include <charconv>

#include "vmm/plan/limits.h"

namespace hive::plan {
namespace {

std::optional<unsigned> parse_cpu(std::string_view text) {
  unsigned cpu = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, cpu);
  if (error != std::errc{} || rest != end || cpu > kMaxHostCpu) return std::nullopt;
  return cpu;
}

}  // namespace

std::optional<std::vector<unsigned>> parse_cpu_list(std::string_view text) {
  std::vector<unsigned> cpus;
  for (bool more = true; more;) {
    const auto comma = text.find(',');
    const std::string_view piece = text.substr(0, comma);
    more = comma != std::string_view::npos;
    if (more) text.remove_prefix(comma + 1);

    const auto dash = piece.find('-');
    const auto first = parse_cpu(piece.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_cpu(piece.substr(dash + 1));
    if (!first || !last || *last < *first) return std::nullopt;
    if (cpus.size() + (*last - *first) > kMaxHostCpu) return std::nullopt;
    for (unsigned cpu = *first; cpu <= *last; ++cpu) cpus.push_back(cpu);
  }
  return cpus;
}

std::string format_cpu_list(std::span<const unsigned> cpus) {
  std::string text;
  for (std::size_t i = 0; i < cpus.size();) {
    std::size_t last = i;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    if (!text.empty()) text += ',';
    text += std::to_string(cpus[i]);
    if (last > i) text += '-' + std::to_string(cpus[last]);
    i = last + 1;
  }
  return text.empty() ? "none" : text;
}

}  // namespace hive::plan
