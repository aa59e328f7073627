#include "cellmon/recover/barrier.h"

#include <algorithm>

namespace hive::recover {

void Barrier::begin(agree::CellSet participants) {
  participants_ = participants;
  phases_.fill(Phase::kNone);
}

void Barrier::note(CellId cell, Phase phase) {
  if (!participants_.contains(cell)) return;
  Phase& known = phases_[agree::index_of(cell)];
  known = std::max(known, phase);
}

Phase Barrier::reached() const {
  Phase least = Phase::kResumed;
  participants_.for_each(
      [&](CellId cell) { least = std::min(least, phases_[agree::index_of(cell)]); });
  return least;
}

agree::CellSet Barrier::missing(Phase phase) const {
  agree::CellSet missing;
  participants_.for_each([&](CellId cell) {
    if (phases_[agree::index_of(cell)] < phase) missing.insert(cell);
  });
  return missing;
}

}  // namespace hive::recover
