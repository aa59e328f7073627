// Sets of members.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "vmm/base/ids.h"

namespace hive::agree {

/// CELL as an index into an array of kMaxCells.
constexpr unsigned index_of(CellId cell) { return static_cast<unsigned>(cell) % kMaxCells; }

/// Whether CELL is a number that a member can have.
constexpr bool is_cell(CellId cell) { return static_cast<unsigned>(cell) < kMaxCells; }

/// Members of a machine: bit N stands for number N. Numbers that are not is_cell() are in no set.
class CellSet {
 public:
  constexpr CellSet() = default;
  constexpr explicit CellSet(std::uint64_t bits) : bits_(bits) {}
  /// The set of CELL alone.
  static constexpr CellSet of(CellId cell) {
    return is_cell(cell) ? CellSet(std::uint64_t{1} << index_of(cell)) : CellSet();
  }

  [[nodiscard]] constexpr std::uint64_t bits() const { return bits_; }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  [[nodiscard]] constexpr unsigned size() const {
    return static_cast<unsigned>(std::popcount(bits_));
  }
  [[nodiscard]] constexpr bool contains(CellId cell) const { return !(*this & of(cell)).empty(); }
  /// Whether all of OTHER is in this.
  [[nodiscard]] constexpr bool covers(CellSet other) const { return (other - *this).empty(); }
  [[nodiscard]] constexpr bool meets(CellSet other) const { return !(*this & other).empty(); }
  /// The lowest member; not of an empty set.
  [[nodiscard]] constexpr CellId first() const {
    return static_cast<CellId>(std::countr_zero(bits_));
  }

  constexpr void insert(CellId cell) { *this = *this | of(cell); }
  constexpr void erase(CellId cell) { *this = *this - of(cell); }

  /// Calls VISIT(cell) for each member, the lowest first.
  template <typename Visit>
  constexpr void for_each(Visit visit) const {
    for (CellSet left = *this; !left.empty(); left.bits_ &= left.bits_ - 1) visit(left.first());
  }

  friend constexpr CellSet operator|(CellSet a, CellSet b) { return CellSet(a.bits_ | b.bits_); }
  friend constexpr CellSet operator&(CellSet a, CellSet b) { return CellSet(a.bits_ & b.bits_); }
  friend constexpr CellSet operator-(CellSet a, CellSet b) { return CellSet(a.bits_ & ~b.bits_); }
  friend constexpr bool operator==(CellSet, CellSet) = default;

 private:
  std::uint64_t bits_ = 0;
};

static_assert(sizeof(CellSet) * 8 == kMaxCells && std::is_trivially_copyable_v<CellSet>);

}  // namespace hive::agree
