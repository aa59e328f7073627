// What monitors agree on, one decision after the other.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "cellmon/agree/cell_set.h"
#include "cellmon/agree/view.h"

namespace hive::agree {

inline constexpr CellId kNobody{0xff};
/// More than a machine can use up; an incarnation is never above its slot's number.
inline constexpr std::uint64_t kMaxSlot = std::uint64_t{1} << 31U;

/// The outcome of one slot: a new view where somebody leaves or joins, else a dismissal.
struct Decision {
  CellSet evicted;  ///< They leave: their cells have failed, their monitors vote no more.
  /// Their cells have failed, but their monitors stay, in the next incarnation, because nobody
  /// else would be left.
  CellSet renewed;
  CellSet cleared;           ///< Suspects that stay.
  CellSet accused;           ///< Those of `cleared` that `accuser` accused.
  Life joiner_life = 0;      ///< 0: nobody joins.
  CellId joiner = kNobody;   ///< Joins, in its next incarnation.
  CellId accuser = kNobody;  ///< Was voted down.
  std::array<std::uint8_t, 6> reserved{};

  [[nodiscard]] bool changes_view() const {
    return !evicted.empty() || !renewed.empty() || joiner_life != 0;
  }
  friend bool operator==(const Decision&, const Decision&) = default;
};

/// All that the decisions so far amount to. It is the same for all that know the same slots.
struct Agreed {
  std::uint64_t slot = 1;  ///< The number of the decision that comes next, from 1.
  View view;
  CellSet on_trial;  ///< Voted down twice about one suspect; the next slots vote on them.
  /// For each member, the suspects about which it was voted down once.
  std::array<CellSet, kMaxCells> struck{};

  friend bool operator==(const Agreed&, const Agreed&) = default;
};

/// Whether DECISION's members are numbers, none in two roles, all roles as described above,
/// whatever the view.
bool is_well_formed(const Decision& decision);
/// Whether DECISION, well formed, can follow on AGREED. A view is never left empty.
bool can_follow(const Agreed& agreed, const Decision& decision);
/// AGREED after DECISION, which can follow on it.
Agreed after(const Agreed& agreed, const Decision& decision);
/// Whether AGREED is one that decisions can lead to, as far as it shows.
bool is_well_formed(const Agreed& agreed);

static_assert(std::is_trivially_copyable_v<Decision> && sizeof(Decision) == 48 &&
              offsetof(Decision, joiner_life) == 32 && offsetof(Decision, joiner) == 40);
static_assert(std::is_trivially_copyable_v<Agreed> && sizeof(Agreed) == 1320 &&
              offsetof(Agreed, on_trial) == 800 && offsetof(Agreed, struck) == 808);

}  // namespace hive::agree
