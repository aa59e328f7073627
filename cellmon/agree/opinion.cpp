#include "cellmon/agree/opinion.h"

namespace hive::agree {

bool is_well_formed(const Opinion& opinion) {
  if (!opinion.judged.covers(opinion.failed) || !opinion.failed.covers(opinion.accused))
    return false;
  const bool joins = opinion.joiner_life != 0;
  if (joins != is_cell(opinion.joiner) || joins != (opinion.joiner != kNobody)) return false;
  if (opinion.reserved != Opinion().reserved || !is_well_formed(opinion.accepted)) return false;
  if (opinion.accepted_ballot == 0 && opinion.accepted != Decision()) return false;
  for (unsigned cell = 0; cell < kMaxCells; ++cell) {
    const EvidenceSet evidence = opinion.evidence[cell];
    if ((evidence | kAllEvidence) != kAllEvidence) return false;
    if (evidence.empty() == opinion.failed.contains(CellId{static_cast<std::uint8_t>(cell)})) {
      return false;
    }
  }
  return true;
}

}  // namespace hive::agree
