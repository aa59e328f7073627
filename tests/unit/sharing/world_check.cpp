// What is to hold of a World, which knows everything.
#include <algorithm>

#include "tests/unit/sharing/world.h"

namespace hive::sharing {

World::Blocks World::held(unsigned borrower, unsigned lender) const {
  const Cell& cell = cells_[borrower];
  return cell.loans && cell.runs ? cell.loans->borrowed(static_cast<CellId>(lender)) : 0;
}

World::Blocks World::out(unsigned borrower, unsigned lender) const {
  const Cell& cell = cells_[lender];
  const Blocks lent = cell.loans ? cell.loans->lent(static_cast<CellId>(borrower)) : 0;
  return std::max(held(borrower, lender), lent);
}

bool World::has_words_for(unsigned to, unsigned from) {
  return to != from && !wire(to, from).words[to < from ? 0 : 1].empty();
}

void World::complain(const std::string& what) {
  if (!complaint_.empty()) return;
  complaint_ = "seed " + std::to_string(seed_) + ", step " + std::to_string(steps_) + ": " + what;
}

/// The memory of LENDER is used by its own guest, which may take back all that the balloon's target
/// does not keep it from, and by borrowers' guests.
void World::check_lender(unsigned lender) {
  Cell& cell = cells_[lender];
  const Blocks kept = std::min(cell.given, cell.balloon_target);
  std::uint64_t used = cell.runs ? cell.settings.own - kept : 0;
  for (unsigned borrower = 0; borrower < cells_.size(); ++borrower) {
    const Blocks blocks = held(borrower, lender);
    cell.lost[borrower] = std::min(cell.lost[borrower], out(borrower, lender));
    if (blocks == 0 && !has_words_for(borrower, lender)) cell.written_off[borrower] = false;
    if (cell.written_off[borrower]) continue;
    const Blocks new_ones = blocks - std::min(blocks, cell.lost[borrower]);
    used += new_ones;
    if (cell.loans && new_ones > cell.loans->lent(static_cast<CellId>(borrower))) {
      complain("cell " + std::to_string(borrower) + " holds more of cell " +
               std::to_string(lender) + " than is lent");
    }
  }
  if (used > cell.settings.own) {
    complain("memory of cell " + std::to_string(lender) + " is used twice: " +
             std::to_string(used) + " of " + std::to_string(cell.settings.own) + " blocks");
  }
}

void World::check() {
  for (unsigned index = 0; index < cells_.size(); ++index) {
    const Cell& cell = cells_[index];
    check_lender(index);
    std::uint64_t borrowed = 0;
    for (unsigned lender = 0; lender < cells_.size(); ++lender) borrowed += held(index, lender);
    if (cell.runs && std::max(cell.plugged, cell.spare_target) > borrowed) {
      complain("cell " + std::to_string(index) + " may plug more than it has borrowed");
    }
    if (cell.spare_target > cell.settings.room || cell.balloon_target > cell.settings.own) {
      complain("cell " + std::to_string(index) + " is asked for what it cannot do");
    }
  }
}

std::string World::unrest() const {
  for (unsigned index = 0; index < cells_.size(); ++index) {
    const Cell& cell = cells_[index];
    const std::string name = "seed " + std::to_string(seed_) + ", cell " + std::to_string(index);
    if (cell.loans->settling(now_)) return name + " is settling";
    if (!cell.loans->overdue().empty()) return name + " waits for what is overdue";
    if (cell.given != cell.loans->balloon_target()) return name + " has another balloon than asked";
    if (cell.plugged != cell.loans->spare_target()) return name + " has plugged other than asked";
    if (cell.plugged != cell.loans->totals().borrowed) return name + " has not plugged its loans";
    if (cell.loans->totals().promised != 0) return name + " has promises open";
    for (unsigned other = 0; other < cells_.size(); ++other) {
      const Blocks lent = cell.loans->lent(static_cast<CellId>(other));
      if (lent == held(other, index)) continue;
      return name + " has lent " + std::to_string(lent) + " to cell " + std::to_string(other) +
             ", which holds " + std::to_string(held(other, index));
    }
  }
  return {};
}

bool World::anyone_settling() const {
  return std::any_of(cells_.begin(), cells_.end(),
                     [this](const Cell& cell) { return cell.loans && cell.loans->settling(now_); });
}

std::uint64_t World::lent() const {
  std::uint64_t sum = 0;
  for (const Cell& cell : cells_) sum += cell.loans ? cell.loans->totals().lent : 0;
  return sum;
}

std::uint64_t World::nonsense() const {
  std::uint64_t sum = 0;
  for (const Cell& cell : cells_) sum += cell.loans ? cell.loans->nonsense() : 0;
  return sum;
}

}  // namespace hive::sharing
