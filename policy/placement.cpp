#include "policy/placement.h"

#include <algorithm>

#include "policy/permille.h"

namespace hive::policy {
namespace {

/// The live home with the most room; kNoCell where none has any.
Cell roomiest(const View& view) {
  Cell best = kNoCell;
  Blocks most = 0;
  for (Cell cell = 0; cell < kMaxCells; ++cell) {
    if (!is_live(view, cell) || view.cells[cell].unused_blocks <= most) continue;
    best = cell;
    most = view.cells[cell].unused_blocks;
  }
  return best;
}

void place_new(const View& view, Hints& hints) {
  const Cell best = roomiest(view);
  if (best == kNoCell || best == view.placement) return;
  if (is_live(view, view.placement)) {
    const std::uint64_t now = view.cells[view.placement].unused_blocks;
    if (view.cells[best].unused_blocks <= now + now / kRoomMargin) return;
  }
  hints.place(best);
}

struct Move {
  const SectionView* section = nullptr;
  Cell to = kNoCell;
  std::uint32_t uses = 0;  ///< By `to`.
};

/// Where SECTION should go; a `to` of kNoCell: nowhere.
Move wanted_move(const View& view, const SectionView& section) {
  if (section.moving || !is_live(view, section.home)) return {};
  std::uint64_t all = 0;
  Move move{&section};
  for (Cell cell = 0; cell < kMaxCells; ++cell) {
    if (!is_live(view, cell)) continue;
    all += section.uses[cell];
    if (section.uses[cell] > move.uses) {
      move.uses = section.uses[cell];
      move.to = cell;
    }
  }
  if (move.to == kNoCell || move.to == section.home) return {};
  const std::uint64_t at_home = section.uses[section.home];
  const bool hot = per_second(move.uses, view.interval_ns) >= kHotUses &&
                   move.uses >= kHotRatio * at_home && permille(move.uses, all) >= kHotPermille;
  return hot && view.cells[move.to].unused_blocks >= section.blocks ? move : Move{};
}

void move_hot(const View& view, Hints& hints) {
  Move best;
  const unsigned count = std::min(view.section_count, View::kMaxSections);
  for (unsigned i = 0; i < count; ++i) {
    const Move move = wanted_move(view, view.sections[i]);
    if (move.uses > best.uses) best = move;
  }
  if (best.to != kNoCell) hints.move(best.section->home, best.section->number, best.to);
}

}  // namespace

void placement(const View& view, Hints& hints) {
  place_new(view, hints);
  move_hot(view, hints);
}

}  // namespace hive::policy
