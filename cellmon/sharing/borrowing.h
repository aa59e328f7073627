// What one cell borrows: what it was granted, wants of that, and holds.
#pragma once

#include <array>
#include <cstdint>

#include "cellmon/agree/cell_set.h"
#include "cellmon/agree/port.h"
#include "policy/view.h"

namespace hive::sharing {

/// The borrower's part of Loans, which see: accounts, one for each lender. Frames of different
/// lenders cannot be told apart: what the guest has plugged is held of somebody, and what it has
/// unplugged counts first for those who want it back. Pure; all cells are agree::is_cell().
class Borrowing {
 public:
  using Blocks = policy::Blocks;

  /// What the guest has not plugged in that time goes back.
  static constexpr agree::Time kPlugLimit = 10'000'000'000;

  /// In blocks. `wanted` is at most `offered` and at most `held`.
  struct Account {
    Blocks offered = 0;  ///< The lender's grant as last heard.
    Blocks wanted = 0;   ///< Of that; the rest goes back.
    Blocks held = 0;     ///< What the guest has plugged of it, or could still.

    [[nodiscard]] bool settled() const { return held == wanted && wanted == offered; }
  };

  /// ROOM: the most that can be plugged.
  explicit Borrowing(Blocks room) : room_(room) {}

  void vmm_started(agree::Time now);
  /// Nothing is held.
  void vmm_ended(agree::Time now);
  /// As Loans::note_spare(). False, with nothing changed, where it cannot be so.
  bool note_spare(Blocks target, Blocks plugged, agree::Time now);

  /// LENDER now grants that much; no more counts than there is room for. False where it is more
  /// than it can have come to.
  bool hear(CellId lender, Blocks granted, agree::Time now);
  /// BLOCKS is at most what is wanted of LENDER.
  void give_back(CellId lender, Blocks blocks, agree::Time now);
  /// Does what comes with time. How much was given back as the guest does not plug it.
  Blocks tick(agree::Time now);
  [[nodiscard]] agree::Time deadline() const;

  [[nodiscard]] const Account& account(CellId lender) const {
    return accounts_[agree::index_of(lender)];
  }
  [[nodiscard]] Blocks held(CellId lender) const { return account(lender).held; }
  [[nodiscard]] std::uint64_t held() const;
  /// ROOM is the most that can be plugged for loans from now on. What is held beyond that stays.
  void set_room(Blocks room) { room_ = room; }
  /// How much more can be borrowed.
  [[nodiscard]] Blocks room() const;
  /// As Loans::spare_target().
  [[nodiscard]] Blocks spare_target() const { return target_; }
  [[nodiscard]] agree::Time target_changed() const { return target_changed_; }
  [[nodiscard]] bool spare_settled() const { return !runs_ || plugged_ == target_; }

 private:
  [[nodiscard]] Blocks wish() const;
  void release();
  void settle(agree::Time now);

  Blocks room_;
  bool runs_ = false;
  Blocks target_ = 0;     ///< What the VMM is to have,
  Blocks confirmed_ = 0;  ///< what it is known to have had last,
  Blocks plugged_ = 0;    ///< and what its guest has plugged.
  agree::Time target_changed_ = 0;
  agree::Time plugged_changed_ = 0;
  std::array<Account, kMaxCells> accounts_{};
};

}  // namespace hive::sharing
