#include "policy/memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/policy/views.h"

namespace hive::policy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Hint lend(Cell lender, Cell borrower, Blocks blocks) {
  return {HintKind::kLend, lender, borrower, blocks};
}
constexpr Hint give_back(Cell borrower, Cell lender, Blocks blocks) {
  return {HintKind::kGiveBack, borrower, lender, blocks};
}

/// LENDER has lent BLOCKS to BORROWER, and both kernels know.
void make_loan(View& view, Cell lender, Cell borrower, Blocks blocks) {
  view.loans[lender][borrower] = blocks;
  view.cells[lender].memory.total_blocks -= blocks;
  view.cells[borrower].memory.total_blocks += blocks;
}

TEST(MemoryPolicy, LeavesAQuietMachineAlone) {
  EXPECT_THAT(advice(memory, quiet_view(4)), IsEmpty());
  EXPECT_THAT(advice(memory, View{}), IsEmpty());
}

TEST(MemoryPolicy, LendsToWhoRunsShortUntilItHasEnough) {
  View view = quiet_view(2);
  set_available(view, 0, 9);
  set_available(view, 1, 90);
  // (9 + 24) of (100 + 24) is more than a quarter, and a quantum less would not be.
  EXPECT_THAT(advice(memory, view), ElementsAre(lend(1, 0, 24)));
  set_available(view, 0, 10);
  EXPECT_THAT(advice(memory, view), IsEmpty()) << "at the mark";
}

TEST(MemoryPolicy, AsksSeveralLendersFairly) {
  View view = quiet_view(4);
  set_available(view, 0, 9);
  for (const Cell cell : Cells{1, 2, 3}) set_available(view, cell, 80);
  EXPECT_THAT(advice(memory, view), ElementsAre(lend(1, 0, 8), lend(2, 0, 8), lend(3, 0, 8)));
  set_available(view, 2, 83);
  EXPECT_THAT(advice(memory, view), ElementsAre(lend(2, 0, 16), lend(1, 0, 4), lend(3, 0, 4)))
      << "who has more lends more";
}

TEST(MemoryPolicy, SharesWhatThereIsAmongBorrowers) {
  View view = quiet_view(3);
  set_available(view, 0, 0);
  set_available(view, 1, 0);
  set_available(view, 2, 52);  // 20 blocks above the mark.
  EXPECT_THAT(advice(memory, view), ElementsAre(lend(2, 0, 12), lend(2, 1, 8)));
}

TEST(MemoryPolicy, KeepsReservesAndRoom) {
  View view = quiet_view(2);
  set_available(view, 0, 0);
  set_available(view, 1, 95);
  view.cells[1].memory.reserve_blocks = 91;
  EXPECT_THAT(advice(memory, view), ElementsAre(lend(1, 0, 8)));
  view.cells[1].memory.reserve_blocks = 20;
  view.cells[0].memory.room_blocks = 7;
  EXPECT_THAT(advice(memory, view), ElementsAre(lend(1, 0, 4)));
  view.cells[0].memory.room_blocks = 3;
  EXPECT_THAT(advice(memory, view), IsEmpty());
}

TEST(MemoryPolicy, WhoStallsOrSwapsInRunsShortUnlessItHasEnoughFree) {
  View view = quiet_view(2);
  set_available(view, 1, 90);
  MemoryView& memory_of_0 = view.cells[0].memory;
  memory_of_0.free_blocks = 5;
  memory_of_0.stalled_us = 49'000;
  EXPECT_THAT(advice(memory, view), IsEmpty());
  memory_of_0.stalled_us = 50'000;
  EXPECT_THAT(advice(memory, view), ElementsAre(lend(1, 0, 4))) << "a quantum at a time";
  memory_of_0.stalled_us = 0;
  memory_of_0.swapped_in = kSwappedIn;
  EXPECT_THAT(advice(memory, view), ElementsAre(lend(1, 0, 4)));
  memory_of_0.free_blocks = 25;
  EXPECT_THAT(advice(memory, view), IsEmpty());
}

TEST(MemoryPolicy, WhoStallsDoesNotLend) {
  View view = quiet_view(2);
  set_available(view, 0, 0);
  set_available(view, 1, 90);
  view.cells[1].memory.stalled_us = 60'000;
  EXPECT_THAT(advice(memory, view), IsEmpty());
}

TEST(MemoryPolicy, SpareMemoryGoesHomeStepByStep) {
  View view = quiet_view(3);
  make_loan(view, 1, 0, 40);
  make_loan(view, 2, 0, 8);
  set_available(view, 0, 120);
  set_available(view, 1, 20);
  // A quarter of 48, to the one who has less.
  EXPECT_THAT(advice(memory, view), ElementsAre(give_back(0, 1, 12)));
  set_available(view, 1, 60);
  EXPECT_THAT(advice(memory, view), ElementsAre(give_back(0, 2, 8), give_back(0, 1, 4)));
  set_available(view, 0, 39);  // 25 % of 148 are 37; two blocks are no quantum.
  EXPECT_THAT(advice(memory, view), IsEmpty());
}

TEST(MemoryPolicy, CachedMemoryStaysUntilSomebodyAsks) {
  View view = quiet_view(3);
  make_loan(view, 1, 0, 40);
  set_available(view, 1, 24);  // 40 % of its 60.
  view.cells[0].memory.available_blocks = 120;
  view.cells[0].memory.free_blocks = 10;
  EXPECT_THAT(advice(memory, view), IsEmpty());
  set_available(view, 2, 5);
  EXPECT_THAT(advice(memory, view), ElementsAre(give_back(0, 1, 4))) << "to be lent to cell 2";
}

TEST(MemoryPolicy, CachesAreLentInUrgentNeedOnlyAndLittleByLittle) {
  View view = quiet_view(2);
  set_available(view, 0, 5);  // Needs 28.
  view.cells[1].memory.available_blocks = 90;
  view.cells[1].memory.free_blocks = 0;
  // Without 83 it would be down at the mark; a quarter of that are five quanta.
  EXPECT_THAT(advice(memory, view), ElementsAre(lend(1, 0, 20)));
  view.cells[1].memory.free_blocks = 5;
  EXPECT_THAT(advice(memory, view), ElementsAre(lend(1, 0, 24)));
  set_available(view, 0, 15);
  view.cells[0].memory.stalled_us = 60'000;
  EXPECT_THAT(advice(memory, view), IsEmpty());
  view.cells[1].memory.free_blocks = 30;
  EXPECT_THAT(advice(memory, view), ElementsAre(lend(1, 0, 4)));
}

TEST(MemoryPolicy, ALenderInNeedTakesBackFirst) {
  View view = quiet_view(3);
  make_loan(view, 0, 1, 40);
  set_available(view, 0, 5);  // Of 60: needs 14.
  set_available(view, 1, 30);
  set_available(view, 2, 90);
  EXPECT_THAT(advice(memory, view), ElementsAre(give_back(1, 0, 14)));
  set_available(view, 1, 10);  // 5 % of its 140 are 7: it can do without 3.
  EXPECT_THAT(advice(memory, view), ElementsAre(give_back(1, 0, 3), lend(2, 0, 12)));
}

TEST(MemoryPolicy, WhoHoldsMoreSharesWithWhoRunsShort) {
  View view = quiet_view(3);
  make_loan(view, 2, 0, 40);
  set_available(view, 2, 24);  // 40 % of its 60: it lends no more.
  set_available(view, 0, 30);
  set_available(view, 1, 5);
  EXPECT_THAT(advice(memory, view), ElementsAre(give_back(0, 2, 4)));
  set_available(view, 0, 10);
  EXPECT_THAT(advice(memory, view), IsEmpty()) << "it runs short itself";
  set_available(view, 0, 15);
  set_available(view, 2, 20);
  EXPECT_THAT(advice(memory, view), IsEmpty()) << "the lender would keep it";
}

TEST(MemoryPolicy, LeavesCellsAloneOfWhichALoanIsUnderWay) {
  View view = quiet_view(2);
  set_available(view, 0, 5);
  set_available(view, 1, 90);
  for (const Cell cell : Cells{0, 1}) {
    View settling = view;
    settling.cells[cell].memory.settling = true;
    EXPECT_THAT(advice(memory, settling), IsEmpty());
    View dead = view;
    dead.cells[cell].live = false;
    EXPECT_THAT(advice(memory, dead), IsEmpty());
    View unknown = view;
    unknown.cells[cell].memory.total_blocks = 0;
    EXPECT_THAT(advice(memory, unknown), IsEmpty());
    View absurd = view;
    absurd.cells[cell].memory.available_blocks = 101;
    EXPECT_THAT(advice(memory, absurd), IsEmpty());
  }
}

TEST(MemoryPolicy, QuantaGrowWithTheMachine) {
  View view = quiet_view(2);
  EXPECT_EQ(quantum_of(view), kLeastQuantum);
  for (const Cell cell : Cells{0, 1}) view.cells[cell].memory.own_blocks = 1U << 20U;
  EXPECT_EQ(quantum_of(view), 512U);
}

}  // namespace
}  // namespace hive::policy
