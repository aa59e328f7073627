// Who takes part in a machine.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "cellmon/agree/cell_set.h"
#include "vmm/base/ids.h"

namespace hive::agree {

/// Which run of a cell's monitor it is. Of two lives of one cell the later has the higher number,
/// and no two processes ever have the same. 0: none.
using Life = std::uint64_t;
/// The life of the monitors that a machine is started with.
inline constexpr Life kFounder = 1;

/// The members of a machine: each is a voter, and each but the witnesses a live cell.
struct View {
  std::uint64_t epoch = 0;  ///< From 1. Two views of one epoch never differ.
  CellSet members;
  CellSet witnesses;  ///< The numbers that stand for witnesses, members or not; it never changes.
  /// Each cell's boot count, also of those that are not members now. 0: it has never been one.
  std::array<Incarnation, kMaxCells> incarnations{};
  std::array<Life, kMaxCells> lives{};  ///< Each cell's latest life, likewise.

  [[nodiscard]] bool has(CellId cell, Life life) const {
    return members.contains(cell) && lives[index_of(cell)] == life;
  }
  friend bool operator==(const View&, const View&) = default;
};

/// The view that a machine starts with: epoch 1, every member in its first incarnation.
View founding_view(CellSet members, CellSet witnesses = {});

/// The member that leads the ballots BALLOT (from 1): cells in turn, the lowest first, witnesses
/// last. MEMBERS must not be empty.
CellId leader_of(const View& view, std::uint32_t ballot);

/// The first ballot from BALLOT on whose leader is not in AVOID, or BALLOT where all are.
std::uint32_t next_ballot(const View& view, std::uint32_t ballot, CellSet avoid);

/// The cell whose monitor coordinates the recovery that follows from a view: the lowest one, never
/// a witness. Where there is none, a number that is not is_cell().
CellId recovery_coordinator(const View& view);

static_assert(std::is_trivially_copyable_v<View> && sizeof(View) == 792 &&
              offsetof(View, incarnations) == 24 && offsetof(View, lives) == 280);

}  // namespace hive::agree
