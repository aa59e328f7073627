#include "policy/memory_books.h"

#include <algorithm>

#include "policy/memory.h"
#include "policy/permille.h"

namespace hive::policy {
namespace {

/// The fewest blocks with which HAVE of TOTAL becomes MARK permille: both grow by them.
std::uint64_t below_mark(std::uint64_t have, std::uint64_t total, std::uint32_t mark) {
  const std::uint64_t wanted = mark * total;
  if (have * kWhole >= wanted) return 0;
  const std::uint64_t rest = kWhole - mark;
  return (wanted - have * kWhole + rest - 1) / rest;
}

bool is_pressed(const View& view, const MemoryView& memory) {
  constexpr std::uint64_t kMicrosecond = 1000;
  return permille(memory.stalled_us, view.interval_ns / kMicrosecond) >= kStalledPermille ||
         per_second(memory.swapped_in, view.interval_ns) >= kSwappedIn;
}

std::uint64_t minus(std::uint64_t from, std::uint64_t taken) {
  return from > taken ? from - taken : 0;
}

}  // namespace

std::uint64_t above_mark(std::uint64_t have, std::uint64_t total, std::uint32_t mark) {
  const std::uint64_t wanted = mark * total;
  if (have * kWhole <= wanted) return 0;
  return (have * kWhole - wanted) / (kWhole - mark);
}

std::uint64_t quantum_of(const View& view) {
  std::uint64_t all = 0;
  for (Cell cell = 0; cell < kMaxCells; ++cell) {
    if (is_live(view, cell)) all += view.cells[cell].memory.own_blocks;
  }
  return std::max<std::uint64_t>(all / kQuantumPart, kLeastQuantum);
}

bool Account::keeps(std::uint32_t mark, std::uint64_t taken) const {
  return available >= taken && (available - taken) * kWhole >= mark * (total - taken);
}

bool Account::can_lend(std::uint64_t blocks) const {
  return open && !pressed && !gives && !gets && need == 0 && borrowed == 0 &&
         ram >= reserve + blocks && keeps(kHighPermille, blocks) && free + cached >= blocks;
}

bool Account::can_spare(std::uint64_t blocks) const {
  return can_lend(blocks) && free >= blocks &&
         (free - blocks) * kWhole >= kEnoughPermille * (total - blocks);
}

Books::Books(const View& view, Hints& hints)
    : view_(view), hints_(hints), quantum_(quantum_of(view)) {
  for (Cell cell = 0; cell < kMaxCells; ++cell) accounts_[cell] = account_of(cell);
}

Account Books::account_of(Cell cell) const {
  Account account;
  const MemoryView& memory = view_.cells[cell].memory;
  if (!knows_memory(view_, cell) || memory.settling) return account;
  account.open = true;
  account.total = memory.total_blocks;
  account.free = std::min(memory.free_blocks, memory.available_blocks);
  account.available = memory.available_blocks;
  account.ram = ram_of(view_, cell);
  account.reserve = memory.reserve_blocks;
  account.room = memory.room_blocks;
  account.borrowed = borrowed_by(view_, cell);
  account.pressed = is_pressed(view_, memory);
  account.urgent = account.available * kWhole < kLowPermille * account.total;
  account.need = need_of(account);
  const std::uint64_t spare = above_mark(account.available, account.total, kHighPermille);
  account.cached = std::max(quantum_, spare / kCachedPart);
  return account;
}

std::uint64_t Books::need_of(const Account& account) const {
  if (account.urgent) return below_mark(account.available, account.total, kEnoughPermille);
  // A cell that has enough free waits for something else than memory.
  const bool short_of_it = account.free * kWhole < kEnoughPermille * account.total;
  return account.pressed && short_of_it ? quantum_ : 0;
}

bool Books::lend(Cell lender, Cell borrower, std::uint64_t blocks) {
  if (!hints_.lend(lender, borrower, static_cast<Blocks>(blocks))) return false;
  Account& from = of(lender);
  from.total -= blocks;
  from.available -= blocks;
  from.cached = minus(from.cached, minus(blocks, from.free));
  from.free = minus(from.free, blocks);
  from.ram -= blocks;
  Account& to = of(borrower);
  to.total += blocks;
  to.available += blocks;
  to.free += blocks;
  to.ram += blocks;
  to.room = minus(to.room, blocks);
  to.borrowed += blocks;
  to.need = minus(to.need, blocks);
  to.gets = true;
  return true;
}

bool Books::give_back(Cell borrower, Cell lender, std::uint64_t blocks) {
  if (!hints_.give_back(borrower, lender, static_cast<Blocks>(blocks))) return false;
  Account& from = of(borrower);
  from.gives = true;
  from.total -= blocks;
  from.available -= blocks;
  from.free = minus(from.free, blocks);
  from.borrowed -= blocks;
  Account& to = of(lender);
  to.gets = true;
  to.need = minus(to.need, blocks);
  return true;
}

}  // namespace hive::policy
