// One simulated cell's memory and guest, as recovery sees them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "cellmon/recover/discard.h"
#include "cellmon/recover/recovery.h"

namespace hive::sim {

/// What one home contributes: by the real ledger, and page by page as a naive model has it.
class Memory {
 public:
  static constexpr std::uint64_t kPages = 96;

  Memory(CellId home, recover::DiscardPolicy policy);

  void grant(CellId cell, Incarnation incarnation, firewall::PageIndex page);
  /// CELL's guest writes PAGE, if it may.
  void write(CellId cell, Incarnation incarnation, firewall::PageIndex page);
  /// What the steps of recovery come to here. Each throws Violation.
  void revoke(const recover::Order& order);
  void discard();
  void bump_generations();
  /// All rights end, everything is dropped.
  void clear();

  /// Throws Violation where something is left, by epoch EPOCH, of an incarnation of CELL up to
  /// LAST: a right to write, what it wrote, or a page that was to be discarded.
  void check_clean(CellId cell, Incarnation last, std::uint64_t epoch) const;
  /// Throws Violation where a page that was to be discarded by epoch EPOCH has not been.
  void check_discarded(std::uint64_t epoch) const;
  [[nodiscard]] std::uint64_t discards() const { return discards_; }

 private:
  struct Page {
    agree::CellSet writable;
    agree::CellSet written;
    CellId writer = agree::kNobody;  ///< Whose content it has, if not home's.
    Incarnation writer_incarnation = 0;
    std::uint64_t doomed_by = 0;  ///< Epoch since which it is to be discarded; 0: it is not.
    bool dropped = false;         ///< Its content was, its generation not yet bumped.
    firewall::Generation generation = 0;
  };

  CellId home_;
  firewall::Contribution contribution_;
  recover::DoomedPages doomed_;
  std::vector<Page> pages_{kPages};
  std::array<Incarnation, kMaxCells> granted_to_{};  ///< Which incarnation holds rights.
  std::uint64_t discards_ = 0;
};

}  // namespace hive::sim
