// What moves of sections between homes need of global memory.
#include <algorithm>

#include "cellmon/control/global_memory.h"
#include "vmm/base/units.h"

namespace hive::control {

int GlobalMemory::file(CellId cell) const {
  return peers_[static_cast<std::size_t>(cell)].file.get();
}

Incarnation GlobalMemory::admitted(CellId cell) const {
  const auto index = static_cast<std::size_t>(cell);
  return index == own_ ? incarnation_ : peers_[index].admitted;
}

bool GlobalMemory::awaits_discard(const firewall::PageRange& pages) const {
  const auto overlaps = [&](const recover::DoomedPages& noted) {
    const firewall::PageRanges ranges = noted.pages();
    return std::any_of(ranges.begin(), ranges.end(), [&](const firewall::PageRange& range) {
      return range.first < pages.end() && pages.first < range.end();
    });
  };
  return overlaps(*doomed_) || std::any_of(lost_.begin(), lost_.end(),
                                           [&](const auto& each) { return overlaps(each.second); });
}

void GlobalMemory::take_over_loss(CellId cell, const firewall::Revocation& lost) {
  if (!peers_[static_cast<std::size_t>(cell)].cut_off) return note_lost(cell, lost);
  recover::DoomedPages doomed(doomed_->policy(), sizes_[own_] / kPageSize);
  doomed.note(lost);
  // Guests may run, so that no holes are made: a write to one could get past its guard.
  for (const firewall::PageRange& range : doomed.pages()) (void)zero_content(range);
}

void GlobalMemory::note_lost(CellId cell, const firewall::Revocation& lost) {
  if (lost.pages.empty() || peers_[static_cast<std::size_t>(cell)].going_down) return;
  lost_.try_emplace(cell, doomed_->policy(), sizes_[own_] / kPageSize).first->second.note(lost);
}

}  // namespace hive::control
