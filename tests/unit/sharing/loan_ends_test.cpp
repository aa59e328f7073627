// How loans end with the guests, the monitors and the cells that have part in them.
#include <gtest/gtest.h>

#include "cellmon/sharing/loans.h"
#include "tests/unit/sharing/pair.h"

namespace hive::sharing {
namespace {

TEST(Loans, EndWithTheBorrowersGuest) {
  Pair pair;
  pair.lend(10);
  pair.borrower.vmm_ended(pair.now);
  pair.talk();
  EXPECT_EQ(pair.lender.lent(kBorrower), 0U);
  EXPECT_EQ(pair.lender.balloon_target(), 0U);
  EXPECT_EQ(reason_of(pair.lender.lend(kBorrower, 1, 50, pair.now)), Reason::kNotLive);
  pair.borrower.vmm_started(7, pair.now);
  pair.talk();
  EXPECT_EQ(pair.borrower.spare_target(), 0U);
  pair.lend(4);
  EXPECT_EQ(pair.borrower.borrowed(kLender), 4U);
}

TEST(Loans, AreForOneLifeOfTheBorrower) {
  Pair pair;
  pair.lender.lend(kBorrower, 10, 50, pair.now);
  pair.lender.note_balloon(10, 10, pair.now);
  const mesh::LoanWord grant = pair.lender.word_for(kBorrower, pair.now);
  pair.borrower.vmm_ended(pair.now);
  pair.borrower.vmm_started(7, pair.now);
  pair.borrower.hear(kLender, grant, pair.now);
  EXPECT_EQ(pair.borrower.spare_target(), 0U);
  EXPECT_EQ(pair.borrower.borrowed(kLender), 0U);
}

TEST(Loans, AreRecalledWithTheLendersGuest) {
  Pair pair;
  pair.lend(10);
  pair.lender.vmm_ended(pair.now);
  pair.lender.vmm_started(8, pair.now);
  // The new guest starts without what is lent still.
  EXPECT_EQ(pair.lender.balloon_target(), 10U);
  pair.settle(kLimit);
  EXPECT_EQ(pair.borrower.borrowed(kLender), 0U);
  EXPECT_EQ(pair.lender.balloon_target(), 0U);
}

TEST(Loans, AreLearntOfByALaterMonitorOfTheLender) {
  Pair pair;
  pair.lend(10);
  pair.cut();
  pair.lender = Loans(Pair::settings(kLender));
  pair.lender.joined(kBorrower, pair.now);
  pair.lender.vmm_started(9, pair.now);
  EXPECT_EQ(pair.lender.balloon_target(), 0U);
  pair.join();
  pair.talk();
  EXPECT_EQ(pair.lender.lent(kBorrower), 10U);
  pair.settle(kLimit);
  EXPECT_EQ(pair.borrower.borrowed(kLender), 0U);
  EXPECT_EQ(pair.lender.lent(kBorrower), 0U);
  EXPECT_EQ(pair.lender.nonsense() + pair.borrower.nonsense(), 0U);
}

TEST(Loans, EndWhereTheBorrowerIsGone) {
  Pair pair;
  pair.lend(10);
  pair.lender.gone(kBorrower, pair.now);
  EXPECT_EQ(pair.lender.lent(kBorrower), 0U);
  EXPECT_EQ(pair.lender.balloon_target(), 0U);
  pair.talk();  // Its words do not count any more.
  EXPECT_EQ(pair.lender.lent(kBorrower), 0U);
}

TEST(Loans, AreGivenBackWhereTheLenderIsGone) {
  Pair pair;
  pair.lend(10);
  pair.borrower.gone(kLender, pair.now);
  EXPECT_EQ(pair.borrower.spare_target(), 0U);
  EXPECT_EQ(pair.borrower.borrowed(kLender), 10U);
  pair.settle(kLimit);
  EXPECT_EQ(pair.borrower.borrowed(kLender), 0U);
}

TEST(Loans, GoBackWhereTheBorrowersGuestDoesNotUseThem) {
  Pair pair;
  pair.most_plugged = 4;
  pair.lend(10);
  EXPECT_EQ(pair.borrower.borrowed(kLender), 4U);
  EXPECT_EQ(pair.lender.lent(kBorrower), 4U);
  const auto notes = pair.borrower.take_notes();
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_EQ(notes[0].kind, NoteKind::kUnused);
}

TEST(Loans, AreRecalledWhereTheLendersGuestTakesThemBack) {
  Pair pair;
  pair.lend(10);
  pair.most_given = 7;
  pair.lender.note_balloon(10, 7, pair.now);
  pair.settle(kLimit);
  EXPECT_EQ(pair.borrower.borrowed(kLender), 7U);
  EXPECT_EQ(pair.lender.lent(kBorrower), 7U);
  bool told = false;
  for (const LoanNote& note : pair.lender.take_notes()) told |= note.kind == NoteKind::kUncovered;
  EXPECT_TRUE(told);
}

}  // namespace
}  // namespace hive::sharing
