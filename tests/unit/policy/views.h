// Views made by hand.
#pragma once

#include <initializer_list>
#include <vector>

#include "policy/policy.h"

namespace hive::policy {

using Cells = std::initializer_list<Cell>;

/// A machine of CELLS cells of 100 blocks each, of which all but 50 are in use, looked at over a
/// second.
inline View quiet_view(unsigned cells) {
  View view;
  view.interval_ns = 1'000'000'000;
  for (unsigned i = 0; i < cells; ++i) {
    CellView& cell = view.cells[i];
    cell.live = true;
    cell.memory = {.own_blocks = 100, .reserve_blocks = 20, .room_blocks = 1000};
    cell.memory.total_blocks = 100;
    cell.memory.free_blocks = cell.memory.available_blocks = 50;
    cell.cpu = {.vcpus = 1, .ran_ns = 100'000'000, .weight = 100, .usual_weight = 100};
  }
  return view;
}

/// CELL has that much available, all of it free.
inline void set_available(View& view, Cell cell, Blocks blocks) {
  view.cells[cell].memory.free_blocks = view.cells[cell].memory.available_blocks = blocks;
}

inline std::vector<Hint> advice(Rule rule, const View& view) {
  Hints hints;
  rule(view, hints);
  return {hints.begin(), hints.end()};
}

}  // namespace hive::policy
