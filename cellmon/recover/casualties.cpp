#include "cellmon/recover/casualties.h"

namespace hive::recover {

Incarnation ended(const View& view, CellId cell) {
  const Incarnation latest = view.incarnations[index_of(cell)];
  return view.members.contains(cell) && latest != 0 ? latest - 1 : latest;
}

Casualties Toll::open(const View& view) const {
  Casualties open;
  for (unsigned index = 0; index < kMaxCells; ++index) {
    const CellId cell{static_cast<std::uint8_t>(index)};
    const Incarnation last = ended(view, cell);
    if (last <= settled_[index] || view.witnesses.contains(cell)) continue;
    open.cells.insert(cell);
    open.last[index] = last;
  }
  return open;
}

void Toll::settle(const View& view) {
  for (unsigned index = 0; index < kMaxCells; ++index) {
    settled_[index] = ended(view, CellId{static_cast<std::uint8_t>(index)});
  }
}

}  // namespace hive::recover
