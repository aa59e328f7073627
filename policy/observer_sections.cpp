// What views have of sections.
#include <algorithm>
#include <array>
#include <limits>

#include "policy/observer.h"

namespace hive::policy {
namespace {

constexpr std::uint32_t kMostUses = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint64_t kPagesOfBlock = kBlockBytes / HIVE_GLOBAL_PAGE_SIZE;

bool is_recent(std::uint64_t time, std::uint64_t now) {
  return time != 0 && time <= now && now - time <= kSectionsStale;
}

std::uint32_t sum(std::uint32_t one, std::uint32_t other) {
  return other > kMostUses - one ? kMostUses : one + other;
}

/// Whether SECTION is one, and its table has not named it before.
bool is_sound(const hive_state_sections& table, const hive_state_section& section) {
  if (section.number == 0 || section.pages == 0 || section.moving > 1) return false;
  const auto* first =
      std::find_if(std::begin(table.list), std::end(table.list),
                   [&](const hive_state_section& each) { return each.number == section.number; });
  return first == &section;
}

/// The most used sections so far, in VIEW.
class MostUsed {
 public:
  explicit MostUsed(View& view) : view_(view) {}

  void offer(Cell home, const hive_state_section& section, std::uint64_t uses) {
    unsigned place = view_.section_count;
    if (place == View::kMaxSections) {
      const auto* least = std::min_element(uses_.begin(), uses_.end());
      if (*least >= uses) return;
      place = static_cast<unsigned>(least - uses_.begin());
    } else {
      ++view_.section_count;
    }
    uses_[place] = uses;
    SectionView& shown = view_.sections[place];
    shown.home = home;
    shown.number = section.number;
    shown.blocks = static_cast<Blocks>((section.pages + kPagesOfBlock - 1) / kPagesOfBlock);
    shown.moving = section.moving != 0;
  }

 private:
  View& view_;
  std::array<std::uint64_t, View::kMaxSections> uses_{};
};

}  // namespace

void Observer::show_sections(View& view) const {
  const auto for_each_use = [&](auto act) {
    for (Cell user = 0; user < kMaxCells; ++user) {
      if (!policy::is_live(view, user) || !is_recent(seen_[user].uses.time_ns, view.now_ns)) {
        continue;
      }
      for (const hive_state_use& use : seen_[user].uses.list) {
        if (use.section != 0) act(user, use);
      }
    }
  };
  MostUsed most_used(view);
  for (Cell home = 0; home < kMaxCells; ++home) {
    const hive_state_sections& table = seen_[home].sections;
    if (!policy::is_live(view, home) || !is_recent(table.time_ns, view.now_ns)) continue;
    std::array<std::uint64_t, HIVE_STATE_SECTIONS> uses{};
    for_each_use([&](Cell /*user*/, const hive_state_use& use) {
      if (use.home != home) return;
      for (unsigned i = 0; i < HIVE_STATE_SECTIONS; ++i) {
        if (table.list[i].number == use.section) uses[i] += use.uses;
      }
    });
    for (unsigned i = 0; i < HIVE_STATE_SECTIONS; ++i) {
      if (is_sound(table, table.list[i])) most_used.offer(home, table.list[i], uses[i]);
    }
  }
  for_each_use([&](Cell user, const hive_state_use& use) {
    for (unsigned i = 0; i < view.section_count; ++i) {
      SectionView& section = view.sections[i];
      if (section.home != use.home || section.number != use.section) continue;
      section.uses[user] = sum(section.uses[user], use.uses);
    }
  });
}

}  // namespace hive::policy
