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

bool GlobalMemory::take_over_loss(CellId cell, const firewall::Revocation& lost,
                                  std::uint64_t epoch) {
  const Peer& peer = peers_[static_cast<std::size_t>(cell)];
  if (!peer.cut_off) note_lost(cell, lost);
  if (!peer.cut_off || peer.going_down) return true;
  recover::DoomedPages doomed(doomed_->policy(), sizes_[own_] / kPageSize);
  doomed.note(lost);
  // Guests may run, so that no holes are made: a write to one could get past its guard.
  for (const firewall::PageRange& range : doomed.pages()) {
    if (!zero_content(range)) return false;
    discarded_ += range.count;
    if (news_) news_->add(range, agree::CellSet::of(cell), epoch);
  }
  return true;
}

void GlobalMemory::note_lost(CellId cell, const firewall::Revocation& lost) {
  if (lost.pages.empty() || peers_[static_cast<std::size_t>(cell)].going_down) return;
  lost_.try_emplace(cell, doomed_->policy(), sizes_[own_] / kPageSize).first->second.note(lost);
}

}  // namespace hive::control
