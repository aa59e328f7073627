#include "policy/view.h"

namespace hive::policy {

std::uint64_t lent_by(const View& view, Cell cell) {
  std::uint64_t lent = 0;
  for (const Blocks loan : view.loans[cell]) lent += loan;
  return lent;
}

std::uint64_t borrowed_by(const View& view, Cell cell) {
  std::uint64_t borrowed = 0;
  for (const auto& loans : view.loans) borrowed += loans[cell];
  return borrowed;
}

std::uint64_t ram_of(const View& view, Cell cell) {
  const std::uint64_t had = view.cells[cell].memory.own_blocks + borrowed_by(view, cell);
  const std::uint64_t lent = lent_by(view, cell);
  return had > lent ? had - lent : 0;
}

}  // namespace hive::policy
