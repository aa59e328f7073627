// Sets of cells.
#pragma once

#include <bit>
#include <cstdint>

#include "vmm/base/ids.h"

namespace hive::firewall {

/// Whether CELL is one that a machine can have: 0 to 63. A CellId from outside may not be.
constexpr bool is_cell(CellId cell) { return static_cast<unsigned>(cell) < kMaxCells; }

/// CELL as an index into an array of kMaxCells.
constexpr unsigned index_of(CellId cell) { return static_cast<unsigned>(cell); }

/// The cells that may write a page: bit N stands for cell N. Only for cells that are is_cell().
class WriterSet {
 public:
  constexpr WriterSet() = default;
  constexpr explicit WriterSet(std::uint64_t bits) : bits_(bits) {}

  [[nodiscard]] constexpr std::uint64_t bits() const { return bits_; }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  [[nodiscard]] constexpr unsigned size() const { return std::popcount(bits_); }
  [[nodiscard]] constexpr bool contains(CellId cell) const {
    return is_cell(cell) && (bits_ & bit_of(cell)) != 0;
  }
  constexpr void insert(CellId cell) { bits_ |= bit_of(cell); }
  constexpr void erase(CellId cell) { bits_ &= ~bit_of(cell); }

  /// Calls VISIT(cell) for each member, the lowest first.
  template <typename Visit>
  constexpr void for_each(Visit visit) const {
    for (std::uint64_t left = bits_; left != 0; left &= left - 1) {
      visit(static_cast<CellId>(std::countr_zero(left)));
    }
  }

  friend constexpr bool operator==(const WriterSet&, const WriterSet&) = default;

 private:
  static constexpr std::uint64_t bit_of(CellId cell) {
    return std::uint64_t{1} << (index_of(cell) % kMaxCells);
  }

  std::uint64_t bits_ = 0;
};

static_assert(sizeof(WriterSet) * 8 == kMaxCells);

}  // namespace hive::firewall
