// A policy of one's own: the machine's first cell is served before all others. While less than half
// of its memory is available, it borrows from every cell that has more than half; what it has
// borrowed goes home once three quarters are.
#include "policy/hint.h"
#include "policy/permille.h"
#include "policy/view.h"

namespace hive::policy {

void favour(const View& view, Hints& hints) {
  constexpr Cell kFavoured = 0;
  constexpr Blocks kStep = 8;  // 16 MiB from each cell, in each round.
  if (!knows_memory(view, kFavoured)) return;
  const MemoryView& favoured = view.cells[kFavoured].memory;
  if (favoured.settling) return;
  const std::uint32_t has = permille(favoured.available_blocks, favoured.total_blocks);

  Blocks room = favoured.room_blocks;
  for (Cell cell = 0; cell < kMaxCells; ++cell) {
    if (cell == kFavoured || !knows_memory(view, cell)) continue;
    const MemoryView& other = view.cells[cell].memory;
    const Blocks loan = view.loans[cell][kFavoured];
    if (other.settling) continue;
    if (has >= 750 && loan != 0) {
      hints.give_back(kFavoured, cell, loan < kStep ? loan : kStep);
    }
    const bool spares = permille(other.available_blocks, other.total_blocks) > 500 &&
                        other.available_blocks >= kStep &&
                        ram_of(view, cell) >= std::uint64_t{other.reserve_blocks} + kStep;
    if (has < 500 && spares && room >= kStep && hints.lend(cell, kFavoured, kStep)) room -= kStep;
  }
}

}  // namespace hive::policy
