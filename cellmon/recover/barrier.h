// A coordinator's count of who has come how far.
#pragma once

#include <array>

#include "cellmon/agree/cell_set.h"
#include "cellmon/recover/steps.h"

namespace hive::recover {

class Barrier {
 public:
  /// Begins anew with PARTICIPANTS, none of which has done anything.
  void begin(agree::CellSet participants);
  /// CELL has come to PHASE. Phases never fall; who does not take part is ignored.
  void note(CellId cell, Phase phase);
  /// The phase that all have come to.
  [[nodiscard]] Phase reached() const;
  /// Who has not come to PHASE.
  [[nodiscard]] agree::CellSet missing(Phase phase) const;

 private:
  agree::CellSet participants_;
  std::array<Phase, kMaxCells> phases_{};
};

}  // namespace hive::recover
