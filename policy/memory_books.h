// The accounts that policy `memory` keeps while it makes up its mind.
#pragma once

#include <array>
#include <cstdint>

#include "policy/hint.h"
#include "policy/view.h"

namespace hive::policy {

/// A cell's memory in blocks, as it will be once the hints so far have been followed.
struct Account {
  bool open = false;     ///< Its figures make sense and no loan of it is under way.
  bool pressed = false;  ///< Its tasks wait for memory.
  bool gives = false;    ///< It gives back in this round: it does nothing else then.
  bool gets = false;     ///< It has not got yet what it is given in this round: it passes none on.
  std::uint64_t total = 0;
  std::uint64_t free = 0;
  std::uint64_t available = 0;
  std::uint64_t ram = 0;
  std::uint64_t reserve = 0;
  std::uint64_t room = 0;
  std::uint64_t borrowed = 0;
  /// What it runs short of.
  std::uint64_t need = 0;
  bool urgent = false;  ///< It needs it since little is available, not only since tasks wait.
  /// What it may lend in this round beyond what it has free.
  std::uint64_t cached = 0;

  /// Whether MARK permille of its total, or more, would be available after TAKEN blocks less.
  [[nodiscard]] bool keeps(std::uint32_t mark, std::uint64_t taken) const;
  /// Whether it can lend BLOCKS to who is in urgent need...
  [[nodiscard]] bool can_lend(std::uint64_t blocks) const;
  /// ...and whether to anybody: it has no other use for them.
  [[nodiscard]] bool can_spare(std::uint64_t blocks) const;
};

/// The accounts of all cells, and the hints that change them.
class Books {
 public:
  Books(const View& view, Hints& hints);

  [[nodiscard]] const View& view() const { return view_; }
  [[nodiscard]] std::uint64_t quantum() const { return quantum_; }
  [[nodiscard]] Account& of(Cell cell) { return accounts_[cell]; }
  [[nodiscard]] const Account& of(Cell cell) const { return accounts_[cell]; }
  /// What BORROWER holds of LENDER's.
  [[nodiscard]] std::uint64_t loan(Cell lender, Cell borrower) const {
    return view_.loans[lender][borrower];
  }

  /// BLOCKS is at most what of(lender).can_lend(). False where there is no room for the hint.
  bool lend(Cell lender, Cell borrower, std::uint64_t blocks);
  /// BLOCKS is at most the loan and what is available; once for a pair. False where there is no
  /// room for the hint.
  bool give_back(Cell borrower, Cell lender, std::uint64_t blocks);

 private:
  [[nodiscard]] Account account_of(Cell cell) const;
  [[nodiscard]] std::uint64_t need_of(const Account& account) const;

  const View& view_;
  Hints& hints_;
  std::uint64_t quantum_;
  std::array<Account, kMaxCells> accounts_{};
};

/// The most blocks that can be taken from HAVE, and so from TOTAL, so that MARK permille are left.
std::uint64_t above_mark(std::uint64_t have, std::uint64_t total, std::uint32_t mark);

}  // namespace hive::policy
