#include "policy/memory.h"

#include <algorithm>

#include "policy/memory_books.h"
#include "policy/permille.h"

namespace hive::policy {
namespace {

/// Whether BORROWER holds memory of LENDER's that can change hands in this round.
bool can_go_home(const Books& books, Cell borrower, Cell lender) {
  return borrower != lender && books.of(borrower).open && books.of(lender).open &&
         books.loan(lender, borrower) != 0;
}

/// While CELL is in need it takes back what it has lent, first from who holds most of it.
void take_back(Books& books, Cell cell) {
  std::array<bool, kMaxCells> asked{};
  while (books.of(cell).need != 0) {
    Cell holder = kNoCell;
    for (Cell other = 0; other < kMaxCells; ++other) {
      if (asked[other] || !can_go_home(books, other, cell)) continue;
      if (holder == kNoCell || books.loan(cell, other) > books.loan(cell, holder)) holder = other;
    }
    if (holder == kNoCell) return;
    asked[holder] = true;
    const Account& from = books.of(holder);
    const std::uint32_t mark = books.of(cell).urgent ? kLeastPermille : kEnoughPermille;
    const std::uint64_t can = above_mark(from.available, from.total, mark);
    const std::uint64_t whole = std::min(books.loan(cell, holder), can);
    // Not less than a quantum, where there is as much: crumbs cost as much to move.
    const std::uint64_t wanted = std::max(books.of(cell).need, books.quantum());
    const std::uint64_t blocks = std::min(whole, wanted);
    if (blocks != 0 && !books.give_back(holder, cell, blocks)) return;
  }
}

void take_back_loans(Books& books) {
  for (Cell cell = 0; cell < kMaxCells; ++cell) take_back(books, cell);
}

/// The one of those who lent to BORROWER, but for those asked, who has least available.
Cell poorest_lender(const Books& books, Cell borrower, const std::array<bool, kMaxCells>& asked) {
  Cell poorest = kNoCell;
  std::uint32_t least = 0;
  for (Cell lender = 0; lender < kMaxCells; ++lender) {
    if (asked[lender] || !can_go_home(books, borrower, lender)) continue;
    const std::uint32_t has = permille(books.of(lender).available, books.of(lender).total);
    if (poorest != kNoCell && has >= least) continue;
    poorest = lender;
    least = has;
  }
  return poorest;
}

/// What CELL has free beyond enough goes home, if it has borrowed anything.
void send_home(Books& books, Cell cell) {
  const Account& account = books.of(cell);
  if (!account.open || account.gives || account.need != 0 || account.borrowed == 0) return;
  const std::uint64_t spare = above_mark(account.free, account.total, kEnoughPermille);
  const std::uint64_t step = std::max(books.quantum(), account.borrowed / kHomewardPart);
  std::uint64_t left = std::min(spare, step);
  std::array<bool, kMaxCells> asked{};
  while (left != 0) {
    const Cell lender = poorest_lender(books, cell, asked);
    if (lender == kNoCell) return;
    asked[lender] = true;
    const std::uint64_t loan = books.loan(lender, cell);
    const std::uint64_t blocks = std::min(loan, left);
    if (blocks < books.quantum() && blocks < loan) return;
    if (!books.give_back(cell, lender, blocks)) return;
    left -= blocks;
  }
}

void send_spare_home(Books& books) {
  for (Cell cell = 0; cell < kMaxCells; ++cell) send_home(books, cell);
}

bool can_borrow(const Books& books, Cell cell) {
  const Account& account = books.of(cell);
  return account.open && !account.gives && account.need != 0 && account.room >= books.quantum();
}

bool comes_before(const Account& first, const Account& second) {
  if (first.urgent != second.urgent) return first.urgent;
  if (first.borrowed != second.borrowed) return first.borrowed < second.borrowed;
  return permille(first.available, first.total) < permille(second.available, second.total);
}

/// Of those in need who are not SERVED, and of those in urgent need if there are any, the one who
/// holds least of others' memory; of those, the one who has least available.
Cell next_borrower(const Books& books, const std::array<bool, kMaxCells>& served) {
  Cell next = kNoCell;
  for (Cell cell = 0; cell < kMaxCells; ++cell) {
    if (served[cell] || !can_borrow(books, cell)) continue;
    if (next == kNoCell || comes_before(books.of(cell), books.of(next))) next = cell;
  }
  return next;
}

/// The one who can lend a quantum to BORROWER and has most available.
Cell next_lender(const Books& books, Cell borrower) {
  const bool urgent = books.of(borrower).urgent;
  Cell next = kNoCell;
  std::uint32_t most = 0;
  for (Cell cell = 0; cell < kMaxCells; ++cell) {
    const Account& account = books.of(cell);
    const std::uint64_t quantum = books.quantum();
    const bool can = urgent ? account.can_lend(quantum) : account.can_spare(quantum);
    if (cell == borrower || !can) continue;
    const std::uint32_t has = permille(account.available, account.total);
    if (next != kNoCell && has <= most) continue;
    next = cell;
    most = has;
  }
  return next;
}

void lend_to_needy(Books& books) {
  std::array<bool, kMaxCells> served{};
  while (true) {
    const Cell borrower = next_borrower(books, served);
    if (borrower == kNoCell) return;
    const Cell lender = next_lender(books, borrower);
    if (lender == kNoCell) {
      served[borrower] = true;
    } else if (!books.lend(lender, borrower, books.quantum())) {
      return;
    }
  }
}

/// Whether LENDER, given a quantum back, could lend it at once.
bool would_pass_on(const Books& books, Cell lender) {
  Account account = books.of(lender);
  account.gets = false;
  account.total += books.quantum();
  account.available += books.quantum();
  account.free += books.quantum();
  account.ram += books.quantum();
  return account.can_lend(books.quantum());
}

/// Whether HOLDER should give up a quantum for NEEDY.
bool should_share(const Books& books, Cell holder, Cell needy) {
  const Account& account = books.of(holder);
  if (holder == needy || !account.open || account.gives || account.gets) return false;
  const std::uint64_t quantum = books.quantum();
  const bool has_enough = account.need == 0 && account.keeps(kEnoughPermille, quantum);
  const bool has_more = account.borrowed > books.of(needy).borrowed + quantum &&
                        account.keeps(kLeastPermille, quantum);
  return has_enough || has_more;
}

/// Somebody gives a quantum back that can be lent to NEEDY in a later round: of those who should,
/// the one who holds most of others' memory.
void share(Books& books, Cell needy) {
  Cell giver = kNoCell;
  Cell taker = kNoCell;
  for (Cell holder = 0; holder < kMaxCells; ++holder) {
    if (!should_share(books, holder, needy)) continue;
    if (giver != kNoCell && books.of(holder).borrowed <= books.of(giver).borrowed) continue;
    for (Cell lender = 0; lender < kMaxCells; ++lender) {
      if (lender == needy || !can_go_home(books, holder, lender)) continue;
      if (books.loan(lender, holder) < books.quantum() || !would_pass_on(books, lender)) continue;
      giver = holder;
      taker = lender;
      break;
    }
  }
  if (giver != kNoCell) books.give_back(giver, taker, books.quantum());
}

void share_with_needy(Books& books) {
  std::array<bool, kMaxCells> served{};
  while (true) {
    const Cell needy = next_borrower(books, served);
    if (needy == kNoCell || !books.of(needy).urgent) return;
    share(books, needy);
    served[needy] = true;
  }
}

}  // namespace

void memory(const View& view, Hints& hints) {
  Books books(view, hints);
  take_back_loans(books);
  send_spare_home(books);
  lend_to_needy(books);
  share_with_needy(books);
}

}  // namespace hive::policy
