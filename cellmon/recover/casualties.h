// What has failed and is not recovered from yet.
#pragma once

#include <array>

#include "cellmon/agree/cell_set.h"
#include "cellmon/agree/view.h"
#include "vmm/base/ids.h"

namespace hive::recover {

using agree::CellSet;
using agree::index_of;
using agree::View;

/// Cells of which incarnations are over.
struct Casualties {
  CellSet cells;  ///< Never a witness. Of some a later incarnation may be a member.
  std::array<Incarnation, kMaxCells> last{};  ///< Of `cells`: this incarnation and all before.

  [[nodiscard]] bool empty() const { return cells.empty(); }
  friend bool operator==(const Casualties&, const Casualties&) = default;
};

/// The last incarnation of CELL that is over by VIEW; 0: none. It never falls from view to view.
Incarnation ended(const View& view, CellId cell);

/// Which incarnations' ends this survivor has recovered from. What is open follows from the latest
/// view alone, so a recovery that was interrupted cannot be forgotten.
class Toll {
 public:
  /// What is over by VIEW and has not been settled.
  [[nodiscard]] Casualties open(const View& view) const;
  /// All that is over by VIEW is recovered from.
  void settle(const View& view);

 private:
  std::array<Incarnation, kMaxCells> settled_{};
};

}  // namespace hive::recover
