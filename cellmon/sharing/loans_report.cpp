// What accounts look like from outside.
#include <algorithm>

#include "cellmon/sharing/loans.h"

namespace hive::sharing {

using agree::Time;

Loans::Figures Loans::figures(CellId peer) const {
  const Lending::Account& lent = lending_.account(peer);
  const Borrowing::Account& borrowed = borrowing_.account(peer);
  return {lent.promised,    lent.granted,    lent.unrefuted, lent.held,
          borrowed.offered, borrowed.wanted, borrowed.held};
}

bool Loans::settling(CellId peer, Time now) const {
  const Link& link = links_[agree::index_of(peer)];
  if (link.changed == 0) return false;
  if (now < link.changed + kLag) return true;
  const Lending::Account& lent = lending_.account(peer);
  const bool under_way = (!lent.settled() && !lent.overdue) || !borrowing_.account(peer).settled();
  return under_way && now < link.changed + kSettleLimit;
}

bool Loans::settling(Time now) const {
  if (!lending_.balloon_settled() && now < lending_.target_changed() + kSettleLimit) return true;
  if (!borrowing_.spare_settled() && now < borrowing_.target_changed() + kSettleLimit) return true;
  for (unsigned index = 0; index < kMaxCells; ++index) {
    if (settling(static_cast<CellId>(index), now)) return true;
  }
  return false;
}

agree::CellSet Loans::overdue() const {
  agree::CellSet cells;
  for (unsigned index = 0; index < kMaxCells; ++index) {
    const auto cell = static_cast<CellId>(index);
    if (lending_.account(cell).overdue) cells.insert(cell);
  }
  return cells;
}

LoanTotals Loans::totals() const {
  LoanTotals totals{lending_.lent(), lending_.promised(), 0, borrowing_.held()};
  for (unsigned index = 0; index < kMaxCells; ++index) {
    const Lending::Account& account = lending_.account(static_cast<CellId>(index));
    totals.recalled += account.lent() - account.granted;
  }
  return totals;
}

void Loans::fill(hive_state_shares& shares, Time now) const {
  shares.own_blocks = settings_.own;
  shares.reserve_blocks = settings_.reserve;
  shares.room_blocks = life_ == 0 ? 0 : borrowing_.room();
  shares.settling = settling(now) ? 1 : 0;
  // What borrowers wrongly say that they hold may come to more than there is.
  std::uint64_t left = settings_.own;
  for (unsigned index = 0; index < kMaxCells; ++index) {
    const auto cell = static_cast<CellId>(index);
    const std::uint64_t lent = std::uint64_t{lending_.lent(cell)} + lending_.account(cell).promised;
    shares.lent[index] = static_cast<std::uint32_t>(std::min(lent, left));
    left -= shares.lent[index];
    shares.borrowed[index] = borrowing_.held(cell);
  }
}

}  // namespace hive::sharing
