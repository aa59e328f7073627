// How many voters it takes.
#pragma once

#include <array>

#include "cellmon/agree/cell_set.h"

namespace hive::agree {

/// For each voter, the voters that it can prove to be over (kVoterIsOver).
using Proofs = std::array<CellSet, kMaxCells>;

/// Whether VOTERS, a subset of MEMBERS, can decide for all: more than half of them; or just half of
/// them, when each of VOTERS proves that all of the other half is over. Any two quorums that can
/// ever act share a voter.
bool is_quorum(CellSet members, CellSet voters, const Proofs& proofs);

}  // namespace hive::agree
