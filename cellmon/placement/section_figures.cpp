#include "cellmon/placement/section_figures.h"

#include <algorithm>
#include <iterator>
#include <limits>

namespace hive::placement {

void HomeUses::add(const hive_state_uses& uses) {
  for (const hive_state_use& use : uses.list) {
    if (use.home == home_ && use.section != 0) uses_[use.section] += use.uses;
  }
}

std::uint64_t HomeUses::of(std::uint32_t number) const {
  const auto found = uses_.find(number);
  return found == uses_.end() ? 0 : found->second;
}

hive_state_sections most_used(std::vector<SectionFigures> sections, const HomeUses& uses) {
  std::sort(sections.begin(), sections.end(),
            [&](const SectionFigures& one, const SectionFigures& other) {
              const std::uint64_t of_one = uses.of(one.number);
              const std::uint64_t of_other = uses.of(other.number);
              return of_one != of_other ? of_one > of_other : one.number < other.number;
            });
  constexpr std::uint64_t kMostPages = std::numeric_limits<std::uint32_t>::max();
  hive_state_sections table{};
  const std::size_t count = std::min(sections.size(), std::size(table.list));
  for (std::size_t i = 0; i < count; ++i) {
    const SectionFigures& section = sections[i];
    table.list[i] = {section.number,
                     static_cast<std::uint32_t>(std::min(section.pages, kMostPages)),
                     section.moving ? 1U : 0U, 0};
  }
  return table;
}

}  // namespace hive::placement
