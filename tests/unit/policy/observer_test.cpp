#include "policy/observer.h"

#include <gtest/gtest.h>

#include <limits>

#include "policy/policy.h"
#include "tests/support/state_pages.h"

namespace hive::policy {
namespace {

using test::state_page;

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kStart = 1'000 * kSecond;

/// Two cells whose pages are read when they were just written.
class ObserverTest : public ::testing::Test {
 protected:
  /// CELL's page is read.
  void see(const hive_state_page& page, Cell cell = 0) {
    StateReading reading;
    observer_.see(cell, read_state_page(page, cell, reading) ? &reading : nullptr);
  }

  /// Both cells' pages, of NOW, are read: the first one's guest has had RAN of CPU time.
  void see_both(std::uint64_t now, std::uint64_t ran = 0) {
    see(state_page(0, now, ran, 50));
    see(state_page(1, now, 0, 50), 1);
  }

  const View& show(std::uint64_t now, std::uint64_t epoch = 1) {
    observer_.show({now, epoch, 4}, view_);
    return view_;
  }

  const CellView& first() { return view_.cells[0]; }

  Observer observer_;
  View view_;
};

TEST_F(ObserverTest, ShowsNobodyAtFirst) {
  see_both(kStart);
  show(kStart);
  EXPECT_FALSE(is_live(view_, 0)) << "one sample is no difference";
  EXPECT_EQ(view_.epoch, 1U);
  EXPECT_EQ(view_.cpus, 4U);
  EXPECT_EQ(view_.placement, kNoCell);
}

TEST_F(ObserverTest, ShowsWhatCameBetweenTwoSamples) {
  see_both(kStart, 500);
  hive_state_page page = state_page(0, kStart + kSecond / 2, 500 + kSecond / 4, 40);
  page.memory.load.swapped_in = 30;
  page.memory.load.some_stalled_us = 200;
  page.memory.load.major_faults = 2;
  page.memory.load.swapped_out = 1;
  see(page);
  show(kStart + kSecond);
  ASSERT_TRUE(first().live);
  EXPECT_FALSE(is_live(view_, 1));
  EXPECT_EQ(view_.interval_ns, kSecond);
  EXPECT_EQ(first().incarnation, 1U);
  EXPECT_EQ(first().cpu.vcpus, 2U);
  EXPECT_EQ(first().cpu.ran_ns, kSecond / 2);
  EXPECT_EQ(first().cpu.waited_ns, kSecond / 4);
  EXPECT_EQ(first().cpu.weight, 100U);
  EXPECT_EQ(first().cpu.usual_weight, 100U);
  EXPECT_EQ(first().memory.own_blocks, 100U);
  EXPECT_EQ(first().memory.reserve_blocks, 10U);
  EXPECT_EQ(first().memory.room_blocks, 100U);
  EXPECT_EQ(first().memory.total_blocks, 100U);
  EXPECT_EQ(first().memory.free_blocks, 40U);
  EXPECT_EQ(first().memory.available_blocks, 40U);
  EXPECT_EQ(first().memory.swapped_in, 60U);
  EXPECT_EQ(first().memory.swapped_out, 2U);
  EXPECT_EQ(first().memory.stalled_us, 400U);
  EXPECT_EQ(first().memory.major_faults, 4U);
}

TEST_F(ObserverTest, KeepsTheLastDifferenceWhileThereIsNoNewerFigure) {
  see_both(kStart);
  see_both(kStart + kSecond, kSecond);
  for (int round = 0; round < 4; ++round) {
    see_both(kStart + kSecond, kSecond);
    EXPECT_EQ(show(kStart + kSecond + kGuestStale).cells[0].cpu.ran_ns, kSecond) << round;
  }
  EXPECT_FALSE(is_live(show(kStart + kSecond + kGuestStale + 1), 0)) << "its figures are stale";
}

TEST_F(ObserverTest, DoesNotKnowMemoryThatNobodyTellsOfAnyMore) {
  hive_state_page page = state_page(0, kStart, 0, 50);
  see(page);
  page = state_page(0, kStart + kSecond, 0, 50);
  see(page);
  EXPECT_TRUE(knows_memory(show(kStart + kSecond), 0));
  for (std::uint64_t turn = 2; turn < 7; ++turn) {
    page.guest.time_ns = kStart + turn * kSecond;
    see(page);
    show(kStart + turn * kSecond);
    EXPECT_TRUE(first().live);
    EXPECT_EQ(knows_memory(view_, 0), turn <= 5) << turn;
  }
}

TEST_F(ObserverTest, DoesNotKnowMemoryThatNoAgentToldOf) {
  for (std::uint64_t turn = 0; turn < 2; ++turn) {
    hive_state_page page = state_page(0, kStart + turn * kSecond, 0, 50);
    page.memory = {};
    see(page);
  }
  EXPECT_TRUE(is_live(show(kStart + kSecond), 0));
  EXPECT_FALSE(knows_memory(view_, 0));
}

TEST_F(ObserverTest, StartsAnewWithEachIncarnation) {
  see_both(kStart, 5 * kSecond);
  hive_state_page page = state_page(0, kStart + kSecond, 6 * kSecond, 50);
  page.incarnation = 2;
  see(page);
  EXPECT_FALSE(is_live(show(kStart + kSecond), 0));
  page = state_page(0, kStart + 2 * kSecond, 7 * kSecond, 50);
  page.incarnation = 2;
  see(page);
  EXPECT_EQ(show(kStart + 2 * kSecond).cells[0].cpu.ran_ns, kSecond);
  EXPECT_EQ(first().incarnation, 2U);
}

TEST_F(ObserverTest, StartsAnewWhereFiguresOrTimesGoBack) {
  see_both(kStart, 5 * kSecond);
  see_both(kStart + kSecond, 4 * kSecond);
  EXPECT_FALSE(is_live(show(kStart + kSecond), 0));
  see_both(kStart + 2 * kSecond, 5 * kSecond);
  EXPECT_TRUE(is_live(show(kStart + 2 * kSecond), 0));
  see_both(kStart + kSecond, 6 * kSecond);
  EXPECT_FALSE(is_live(show(kStart + 2 * kSecond), 0)) << "an earlier time";
}

TEST_F(ObserverTest, LeavesOutWhatIsNotOfThisView) {
  see_both(kStart);
  see_both(kStart + kSecond);
  EXPECT_TRUE(is_live(show(kStart + kSecond), 0));
  EXPECT_FALSE(is_live(show(kStart + kSecond, 2), 0)) << "another epoch";
  EXPECT_FALSE(is_live(show(kStart + kSecond - 1), 0)) << "of the future";
  see({});
  EXPECT_FALSE(is_live(show(kStart + kSecond), 0)) << "no page";
  EXPECT_TRUE(is_live(view_, 1));
}

TEST_F(ObserverTest, LeavesOutSamplesThatAreFarApart) {
  see_both(kStart);
  see_both(kStart + kLongestInterval + 1);
  EXPECT_FALSE(is_live(show(kStart + kLongestInterval + 1), 0));
}

TEST_F(ObserverTest, LeavesOutATornPageForARoundOnly) {
  see_both(kStart);
  see_both(kStart + kSecond);
  hive_state_page page = state_page(0, kStart + kSecond, 0, 50);
  page.guest_turn = 1;
  see(page);
  EXPECT_FALSE(is_live(show(kStart + kSecond), 0));
  page.guest_turn = 2;
  page.shares_turn = 1;
  see(page);
  EXPECT_FALSE(is_live(show(kStart + kSecond), 0));
  page.shares_turn = 2;
  page.memory_turn = 1;
  see(page);
  EXPECT_TRUE(is_live(show(kStart + kSecond), 0));
  EXPECT_FALSE(knows_memory(view_, 0));
  page.memory_turn = 2;
  see(page);
  EXPECT_TRUE(knows_memory(show(kStart + kSecond), 0));
}

/// A page that a cell's monitor would never write.
class CorruptPage : public ObserverTest {
 protected:
  void SetUp() override {
    see_both(kStart);
    see_both(kStart + kSecond);
    ASSERT_TRUE(is_live(show(kStart + kSecond), 0));
  }
  [[nodiscard]] bool is_left_out() {
    see(page_);
    return !is_live(show(kStart + kSecond), 0) && is_live(view_, 1);
  }
  hive_state_page page_ = state_page(0, kStart + kSecond, 0, 50);
};

TEST_F(CorruptPage, HasSharesThatWereNeverWritten) {
  page_.shares.time_ns = 0;
  EXPECT_TRUE(is_left_out());
}

TEST_F(CorruptPage, LendsMoreThanItHas) {
  page_.shares.lent[1] = 60;
  page_.shares.lent[2] = 41;
  EXPECT_TRUE(is_left_out());
  page_.shares.lent[2] = 40;
  EXPECT_FALSE(is_left_out());
  page_.shares.lent[2] = page_.shares.lent[3] = ~0U;
  EXPECT_TRUE(is_left_out());
}

TEST_F(CorruptPage, LendsToItself) {
  page_.shares.lent[0] = 1;
  EXPECT_TRUE(is_left_out());
  page_.shares.lent[0] = 0;
  page_.shares.borrowed[0] = 1;
  EXPECT_TRUE(is_left_out());
}

TEST_F(CorruptPage, HasAWeightThatCannotBe) {
  page_.shares.weight = 10'001;
  EXPECT_TRUE(is_left_out());
  page_.shares.weight = 10'000;
  page_.shares.usual_weight = ~0U;
  EXPECT_TRUE(is_left_out());
}

TEST_F(CorruptPage, SettlesInAWayThatIsNone) {
  page_.shares.settling = 2;
  EXPECT_TRUE(is_left_out());
}

TEST_F(CorruptPage, HasNoVmm) {
  page_.incarnation = 0;
  EXPECT_TRUE(is_left_out());
}

/// What the two say of a loan of the first one to the other.
class LoansSeen : public ObserverTest {
 protected:
  void say(std::uint32_t lent, std::uint32_t borrowed) {
    for (const std::uint64_t time : {kStart, kStart + kSecond}) {
      hive_state_page lender = state_page(0, time, 0, 50);
      lender.shares.lent[1] = lent;
      see(lender);
      hive_state_page borrower = state_page(1, time, 0, 50);
      borrower.shares.borrowed[0] = borrowed;
      see(borrower, 1);
    }
    show(kStart + kSecond);
  }
  [[nodiscard]] bool settle() {
    EXPECT_EQ(view_.cells[0].memory.settling, view_.cells[1].memory.settling);
    return view_.cells[0].memory.settling;
  }
};

TEST_F(LoansSeen, AreWhatBothSay) {
  say(7, 7);
  EXPECT_EQ(view_.loans[0][1], 7U);
  EXPECT_FALSE(settle());
  EXPECT_EQ(view_.loans[1][0], 0U);
}

TEST_F(LoansSeen, AreUnderWayWhileTheyDiffer) {
  say(7, 3);
  EXPECT_EQ(view_.loans[0][1], 7U);
  EXPECT_TRUE(settle());
  say(3, 8);
  EXPECT_EQ(view_.loans[0][1], 8U);
  EXPECT_TRUE(settle());
}

TEST_F(LoansSeen, StayWhenOneOfThemIsGone) {
  say(7, 3);
  see({}, 1);
  show(kStart + kSecond);
  EXPECT_EQ(view_.loans[0][1], 7U);
  EXPECT_FALSE(view_.cells[0].memory.settling);
  say(7, 3);
  see({}, 0);
  show(kStart + kSecond);
  EXPECT_EQ(view_.loans[0][1], 3U);
  EXPECT_FALSE(view_.cells[1].memory.settling);
}

TEST_F(ObserverTest, ShowsWhoSaysThatItSettlesAndWhereSectionsArePlaced) {
  for (const std::uint64_t time : {kStart, kStart + kSecond}) {
    see(state_page(0, time, 0, 50));
    hive_state_page page = state_page(1, time, 0, 50);
    page.shares.settling = 1;
    page.shares.placement = 1;
    page.shares.unused_blocks = 9;
    see(page, 1);
  }
  show(kStart + kSecond);
  EXPECT_FALSE(first().memory.settling);
  EXPECT_TRUE(view_.cells[1].memory.settling);
  EXPECT_EQ(view_.cells[1].unused_blocks, 9U);
  EXPECT_EQ(view_.placement, kNoCell) << "the first live cell's word";
  see({}, 0);
  EXPECT_EQ(show(kStart + kSecond).placement, 1U);
}

TEST(InViewInterval, NeverOverflows) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(in_view_interval(0, 1), 0U);
  EXPECT_EQ(in_view_interval(3, 2 * kSecond), 1U);
  EXPECT_EQ(in_view_interval(7, kSecond / 10), 70U);
  EXPECT_EQ(in_view_interval(kMost, kSecond), kMost);
  EXPECT_EQ(in_view_interval(kMost, 1), kMost);
  EXPECT_EQ(in_view_interval(kMost, kLongestInterval), kMost / 10);
}

TEST_F(ObserverTest, GivesPoliciesWhatTheyAdviseOn) {
  for (const std::uint64_t time : {kStart, kStart + kSecond}) {
    see(state_page(0, time, 0, 2));
    see(state_page(1, time, 0, 95), 1);
  }
  Hints hints;
  find("memory")->decide(show(kStart + kSecond), hints);
  ASSERT_EQ(hints.size(), 1U);
  EXPECT_EQ(hints.begin()->kind, HintKind::kLend);
  EXPECT_EQ(hints.begin()->cell, 1U);
  EXPECT_EQ(hints.begin()->peer, 0U);
}

}  // namespace
}  // namespace hive::policy
