// What a voter says.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "cellmon/agree/cell_set.h"
#include "cellmon/agree/decision.h"
#include "cellmon/agree/evidence.h"
#include "cellmon/agree/view.h"

namespace hive::agree {

/// One voter's word on the next decision, given while its guest is suspended if there are suspects.
struct Opinion {
  CellSet judged;        ///< The suspects that it has probed, or accused itself.
  CellSet failed;        ///< Those of `judged` that it finds failed; the others it finds healthy.
  CellSet accused;       ///< Those of `failed` that it accused of its own accord.
  CellSet over;          ///< Voters that it can prove to be over (kVoterIsOver).
  Life joiner_life = 0;  ///< 0: nobody asked it to be let in.
  CellId joiner = kNobody;
  std::array<std::uint8_t, 3> reserved{};
  std::uint32_t accepted_ballot = 0;  ///< 0: it has accepted nothing for this slot.
  Decision accepted;                  ///< What it has accepted, in the latest such ballot.
  std::array<EvidenceSet, kMaxCells> evidence{};  ///< Why, for each member of `failed`.

  friend bool operator==(const Opinion&, const Opinion&) = default;
};

/// Whether OPINION does not contradict itself.
bool is_well_formed(const Opinion& opinion);

static_assert(std::is_trivially_copyable_v<Opinion> && sizeof(Opinion) == 224 &&
              offsetof(Opinion, joiner) == 40 && offsetof(Opinion, accepted_ballot) == 44 &&
              offsetof(Opinion, accepted) == 48 && offsetof(Opinion, evidence) == 96);

}  // namespace hive::agree
