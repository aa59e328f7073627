// The rules of loans, one by one, between a lender (cell 0) and a borrower (cell 1).
#include "cellmon/sharing/loans.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/unit/sharing/pair.h"

namespace hive::sharing {
namespace {

using Blocks = policy::Blocks;

TEST(Loans, LendWhatTheLendersGuestHasGiven) {
  Pair pair;
  EXPECT_FALSE(pair.lender.lend(kBorrower, 10, 50, pair.now));
  EXPECT_EQ(pair.lender.balloon_target(), 10U);
  EXPECT_EQ(pair.lender.totals().promised, 10U);
  pair.talk();
  EXPECT_EQ(pair.borrower.spare_target(), 0U);

  pair.lender.note_balloon(10, 4, pair.now);
  pair.talk();
  EXPECT_EQ(pair.borrower.spare_target(), 4U);
  EXPECT_EQ(pair.lender.lent(kBorrower), 4U);

  pair.lender.note_balloon(10, 10, pair.now);
  pair.talk();
  // The VMM has not got the first target yet.
  EXPECT_EQ(pair.borrower.spare_target(), 4U);
  EXPECT_EQ(pair.borrower.borrowed(kLender), 10U);
  pair.borrower.note_spare(4, 0, pair.now);
  EXPECT_EQ(pair.borrower.spare_target(), 10U);
  EXPECT_EQ(pair.lender.lent(kBorrower), 10U);
}

TEST(Loans, GrantNothingThatIsNotSureToStay) {
  Pair pair;
  pair.lender.lend(kBorrower, 10, 50, pair.now);
  // The target that the VMM has is the former one: what is given goes back to the guest.
  pair.lender.note_balloon(0, 10, pair.now);
  EXPECT_EQ(pair.lender.lent(kBorrower), 0U);
  pair.lender.note_balloon(10, 10, pair.now);
  EXPECT_EQ(pair.lender.lent(kBorrower), 10U);
}

TEST(Loans, KeepWhatIsAskedForByHandApart) {
  Pair pair;
  pair.lender.set_by_hand(5, pair.now);
  EXPECT_EQ(pair.lender.balloon_target(), 5U);
  pair.lender.note_balloon(5, 5, pair.now);
  pair.lender.lend(kBorrower, 10, 50, pair.now);
  EXPECT_EQ(pair.lender.balloon_target(), 15U);
  pair.lender.note_balloon(15, 12, pair.now);
  EXPECT_EQ(pair.lender.lent(kBorrower), 7U);
  pair.lender.note_balloon(15, 15, pair.now);
  EXPECT_EQ(pair.lender.lent(kBorrower), 10U);
  // More by hand takes nothing from loans.
  pair.lender.set_by_hand(8, pair.now);
  EXPECT_EQ(pair.lender.balloon_target(), 18U);
  EXPECT_EQ(pair.lender.lent(kBorrower), 10U);
  EXPECT_EQ(pair.lender.totals().recalled, 0U);
}

TEST(Loans, CutPromisesThatAreNotFilledInTime) {
  Pair pair;
  pair.most_given = 6;
  pair.lender.lend(kBorrower, 10, 50, pair.now);
  pair.settle(kLimit);
  EXPECT_EQ(pair.lender.totals().promised, 0U);
  EXPECT_EQ(pair.lender.lent(kBorrower), 6U);
  EXPECT_EQ(pair.lender.balloon_target(), 6U);
  const auto notes = pair.lender.take_notes();
  ASSERT_EQ(notes.size(), 2U);
  EXPECT_EQ(notes[0].kind, NoteKind::kShort);
  EXPECT_EQ(notes[0].detail, "its guest did not give 8MiB of what was promised in time");
  EXPECT_EQ(notes[1].kind, NoteKind::kGranted);
  EXPECT_EQ(notes[1].peer, kBorrower);
}

TEST(Loans, GoHomeAsTheBorrowerGivesBack) {
  Pair pair;
  pair.lend(10);
  EXPECT_FALSE(pair.borrower.give_back(kLender, 4, pair.now));
  pair.talk();
  EXPECT_EQ(pair.borrower.spare_target(), 6U);
  EXPECT_EQ(pair.lender.lent(kBorrower), 10U);  // Nothing is unplugged yet.
  pair.borrower.note_spare(6, 8, pair.now);
  pair.talk();
  EXPECT_EQ(pair.borrower.borrowed(kLender), 8U);
  EXPECT_EQ(pair.lender.lent(kBorrower), 8U);
  EXPECT_EQ(pair.lender.balloon_target(), 8U);
  pair.settle(kLimit);
  EXPECT_EQ(pair.borrower.borrowed(kLender), 6U);
  EXPECT_EQ(pair.lender.lent(kBorrower), 6U);
  EXPECT_EQ(pair.lender.balloon_target(), 6U);
  EXPECT_FALSE(pair.lender.settling(pair.now));
}

TEST(Loans, HoldWhatTheVmmMayStillPlug) {
  Pair pair;
  pair.lend(10);
  pair.borrower.give_back(kLender, 10, pair.now);
  // Unplugged, but the VMM has the old target: the guest could plug it again.
  pair.borrower.note_spare(10, 0, pair.now);
  EXPECT_EQ(pair.borrower.borrowed(kLender), 10U);
  pair.borrower.note_spare(0, 0, pair.now);
  EXPECT_EQ(pair.borrower.borrowed(kLender), 0U);
}

TEST(Loans, AreRecalledAndComeHomeHoweverLongItTakes) {
  Pair pair;
  pair.lend(10);
  pair.lender.take_notes();
  pair.least_plugged = 3;
  pair.lender.recall(kBorrower, pair.now);
  pair.settle(kLimit / 2);
  EXPECT_EQ(pair.lender.lent(kBorrower), 3U);
  EXPECT_TRUE(pair.lender.overdue().empty());
  EXPECT_TRUE(pair.lender.settling(pair.now));
  pair.settle(2 * kLimit);
  EXPECT_TRUE(pair.lender.overdue().contains(kBorrower));
  EXPECT_FALSE(pair.lender.settling(pair.now));
  EXPECT_FALSE(pair.borrower.settling(pair.now));
  EXPECT_EQ(pair.lender.totals().recalled, 3U);
  const auto notes = pair.lender.take_notes();
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_EQ(notes[0].kind, NoteKind::kOverdue);
  EXPECT_EQ(notes[0].detail, "waits for 6MiB that were to come back by now");
  EXPECT_EQ(reason_of(pair.lender.lend(kBorrower, 1, 50, pair.now)), Reason::kBusy);

  pair.least_plugged = 0;
  pair.settle(kLimit);
  EXPECT_EQ(pair.lender.lent(kBorrower), 0U);
  EXPECT_EQ(pair.lender.balloon_target(), 0U);
  EXPECT_TRUE(pair.lender.overdue().empty());
}

TEST(Loans, ChangeNothingWhereALinkIsLost) {
  Pair pair;
  pair.lend(10);
  pair.cut();
  pair.settle(kLimit);
  EXPECT_EQ(pair.lender.lent(kBorrower), 10U);
  EXPECT_EQ(pair.borrower.borrowed(kLender), 10U);
  // What was recalled, or granted, meanwhile is said once it is up.
  pair.lender.recall_all(pair.now);
  pair.settle(kLimit);
  EXPECT_EQ(pair.borrower.borrowed(kLender), 10U);
  pair.join();
  pair.settle(kLimit);
  EXPECT_EQ(pair.borrower.borrowed(kLender), 0U);
  EXPECT_EQ(pair.lender.lent(kBorrower), 0U);
}

TEST(Loans, CountALostGrantUntilTheBorrowerHasSeenItsEnd) {
  Pair pair;
  pair.lender.lend(kBorrower, 10, 50, pair.now);
  pair.lender.note_balloon(10, 10, pair.now);
  pair.lender.word_for(kBorrower, pair.now);  // May arrive or not.
  pair.cut();
  pair.lender.recall(kBorrower, pair.now);
  EXPECT_EQ(pair.lender.lent(kBorrower), 10U);
  EXPECT_EQ(pair.lender.balloon_target(), 10U);
  pair.join();
  // Its first word is older than the lender's.
  pair.lender.hear(kBorrower, pair.borrower.word_for(kLender, pair.now), pair.now);
  EXPECT_EQ(pair.lender.lent(kBorrower), 10U);
  pair.talk();
  EXPECT_EQ(pair.lender.lent(kBorrower), 0U);
}

TEST(Loans, AreReleasedFirstToWhoRecallsThem) {
  Loans borrower(Pair::settings(kBorrower));
  const CellId others[] = {CellId{0}, CellId{2}};
  borrower.vmm_started(5, 1);
  for (const CellId other : others) {
    borrower.joined(other, 1);
    borrower.link_up(other, 1);
    borrower.hear(other, {1, 0, 3, 5, 10, 0}, 1);
    borrower.note_spare(borrower.spare_target(), 0, 1);
  }
  borrower.note_spare(20, 20, 1);
  borrower.give_back(others[0], 5, 2);
  borrower.hear(others[1], {2, 0, 3, 5, 4, 0}, 2);
  borrower.note_spare(15, 15, 2);
  EXPECT_EQ(borrower.borrowed(others[0]), 10U);
  EXPECT_EQ(borrower.borrowed(others[1]), 5U);
  borrower.note_spare(9, 9, 2);
  EXPECT_EQ(borrower.borrowed(others[0]), 5U);
  EXPECT_EQ(borrower.borrowed(others[1]), 4U);
}

TEST(Loans, RefuseWhatCannotBe) {
  Pair pair;
  const auto lend = [&](CellId peer, Blocks blocks, Blocks room) {
    return reason_of(pair.lender.lend(peer, blocks, room, pair.now));
  };
  EXPECT_EQ(lend(kBorrower, 0, 50), Reason::kRange);
  EXPECT_EQ(lend(kLender, 1, 50), Reason::kRange);
  EXPECT_EQ(lend(CellId{2}, 1, 50), Reason::kNotLive);
  EXPECT_EQ(lend(CellId{0xff}, 1, 50), Reason::kNotLive);
  EXPECT_EQ(lend(kBorrower, 81, 90), Reason::kReserve);
  EXPECT_EQ(lend(kBorrower, ~0U, ~0U), Reason::kReserve);
  EXPECT_EQ(lend(kBorrower, 51, 50), Reason::kRoom);
  EXPECT_EQ(pair.lender.lend(kBorrower, 81, 90, pair.now)->text,
            "it would leave the lender less than its reserve: it can lend 160MiB at most");
  pair.lend(50);
  EXPECT_EQ(lend(kBorrower, 31, 50), Reason::kReserve);
  EXPECT_EQ(reason_of(pair.borrower.give_back(kLender, 51, pair.now)), Reason::kUnknownLoan);
  EXPECT_EQ(reason_of(pair.borrower.give_back(CellId{0xff}, 1, pair.now)), Reason::kUnknownLoan);
  EXPECT_EQ(reason_of(pair.borrower.give_back(kLender, 0, pair.now)), Reason::kRange);
  pair.cut();
  EXPECT_EQ(lend(kBorrower, 1, 50), Reason::kNotLive);
}

TEST(Loans, CountWordsThatCannotBe) {
  Pair pair;
  pair.lend(10);
  const std::uint64_t number = 1000;
  const std::uint64_t life = Pair::kBorrowerLife;
  const auto nonsense_of = [&](const mesh::LoanWord& word) {
    const std::uint64_t before = pair.lender.nonsense();
    pair.lender.hear(kBorrower, word, pair.now);
    return pair.lender.nonsense() - before;
  };
  EXPECT_EQ(nonsense_of({1, 0, life, 0, 0, 10}), 1U);          // An old number.
  EXPECT_EQ(nonsense_of({number, 5000, life, 0, 0, 10}), 1U);  // It has seen the future.
  EXPECT_EQ(nonsense_of({number, 0, 0, 0, 0, 10}), 1U);        // No guest, but it holds.
  EXPECT_EQ(nonsense_of({number, 0, life, 0, 0, 11}), 1U);     // More than was granted.
  EXPECT_EQ(pair.lender.lent(kBorrower), 10U);
  EXPECT_EQ(nonsense_of({number + 1, 0, life, Pair::kLenderLife, ~0U, 10}), 1U);
  EXPECT_LE(pair.lender.spare_target(), Pair::settings(kLender).room);
  EXPECT_EQ(nonsense_of({number + 2, 0, life, 0, 0, 10}), 0U);

  pair.lender.note_balloon(3, 3, pair.now);
  pair.lender.note_balloon(10, 1000, pair.now);
  pair.lender.note_spare(77, 0, pair.now);
  EXPECT_EQ(pair.lender.nonsense(), 8U);
  EXPECT_EQ(pair.lender.lent(kBorrower), 10U);
}

TEST(Loans, TakeNothingOfTheReserveForAHolderNobodyKnows) {
  Loans lender(Pair::settings(kLender));
  lender.vmm_started(1, 1);
  lender.joined(kBorrower, 1);
  lender.link_up(kBorrower, 1);
  lender.hear(kBorrower, {1, 0, 5, 0, 0, ~0U}, 1);
  EXPECT_EQ(lender.nonsense(), 1U);
  EXPECT_EQ(lender.lent(kBorrower), 80U);
  EXPECT_EQ(lender.balloon_target(), 80U);
  hive_state_shares shares{};
  lender.fill(shares, 1);
  EXPECT_EQ(shares.lent[1], 80U);
}

TEST(Loans, AreInTheStatePage) {
  Pair pair;
  hive_state_shares shares{};
  pair.lender.fill(shares, pair.now);
  EXPECT_EQ(shares.settling, 0U);
  pair.lender.lend(kBorrower, 10, 50, pair.now);
  pair.lender.fill(shares, pair.now);
  EXPECT_EQ(shares.own_blocks, 100U);
  EXPECT_EQ(shares.reserve_blocks, 20U);
  EXPECT_EQ(shares.room_blocks, 50U);
  EXPECT_EQ(shares.lent[1], 10U);  // Promised: nobody else is to count on it.
  EXPECT_EQ(shares.settling, 1U);
  pair.settle(kLimit);
  pair.lender.fill(shares, pair.now);
  EXPECT_EQ(shares.settling, 0U);
  pair.borrower.fill(shares, pair.now);
  EXPECT_EQ(shares.borrowed[0], 10U);
  EXPECT_EQ(shares.room_blocks, 40U);
  EXPECT_EQ(shares.settling, 0U);
}

TEST(Loans, SettleForASecondAfterTheLastChange) {
  Pair pair;
  pair.lend(10);
  pair.settle(kLimit);
  pair.borrower.give_back(kLender, 1, pair.now);
  const agree::Time changed = pair.now;
  pair.exchange();
  EXPECT_EQ(pair.lender.lent(kBorrower), 9U);
  EXPECT_TRUE(pair.lender.settling(changed + Loans::kLag - 1));
  EXPECT_FALSE(pair.lender.settling(pair.now + Loans::kLag));
}

TEST(Loans, SayTheSameAgainEachSecondAndNoMoreOften) {
  Pair pair;
  pair.talk();
  EXPECT_FALSE(pair.lender.needs_word(pair.now));
  EXPECT_EQ(pair.lender.deadline(pair.now), pair.now + Loans::kRepeat);
  EXPECT_EQ(pair.lender.needs_word(pair.now + Loans::kRepeat), kBorrower);
}

TEST(LoanNotes, HaveNamesOfTheirOwn) {
  EXPECT_EQ(to_string(NoteKind::kGranted), "loan-granted");
  EXPECT_EQ(to_string(NoteKind::kReturned), "loan-returned");
  EXPECT_EQ(to_string(NoteKind::kShort), "loan-short");
  EXPECT_EQ(to_string(NoteKind::kUncovered), "loan-uncovered");
  EXPECT_EQ(to_string(NoteKind::kOverdue), "loan-overdue");
  EXPECT_EQ(to_string(NoteKind::kUnused), "loan-unused");
}

}  // namespace
}  // namespace hive::sharing
