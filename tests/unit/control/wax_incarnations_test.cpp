// When Wax is started anew.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cellmon/control/wax/incarnations.h"

namespace hive::control {
namespace {

using ::testing::HasSubstr;
using Time = WaxIncarnations::Time;

constexpr Time kSecond = 1'000'000'000;
constexpr WaxIncarnations::Scene kScene{3, 2};

TEST(WaxIncarnations, EndsWithItsEpochAndItsPages) {
  WaxIncarnations wax;
  EXPECT_EQ(wax.end(kScene, kSecond), "");  // None runs.
  wax.started(kScene, kSecond);
  EXPECT_EQ(wax.end(kScene, kSecond), "");
  EXPECT_THAT(wax.end({4, 2}, kSecond), HasSubstr("epoch 4 has followed its own, 3"));
  EXPECT_THAT(wax.end({3, 3}, kSecond), HasSubstr("another monitor"));
}

TEST(WaxIncarnations, HangsWhereItDoesNoRounds) {
  WaxIncarnations wax;
  wax.started(kScene, kSecond);
  const Time late = kSecond + WaxIncarnations::kHangLimit;
  EXPECT_EQ(wax.end(kScene, late - 1), "");
  EXPECT_THAT(wax.end(kScene, late), HasSubstr("no round for 5 s"));
  wax.beat(1, late - 1);
  EXPECT_EQ(wax.end(kScene, late), "");
  EXPECT_EQ(wax.rounds(), 1U);
  // The same word again is no life.
  wax.beat(1, late + kSecond);
  wax.beat(0, late + kSecond);
  EXPECT_THAT(wax.end(kScene, late - 1 + WaxIncarnations::kHangLimit), HasSubstr("no round"));
  // Nothing is expected of one that is held.
  wax.held(late - 1 + WaxIncarnations::kHangLimit);
  EXPECT_EQ(wax.end(kScene, late + WaxIncarnations::kHangLimit), "");
}

TEST(WaxIncarnations, AreNotBlamedForWaitsForACpu) {
  WaxIncarnations wax;
  wax.started(kScene, kSecond);
  const Time late = kSecond + WaxIncarnations::kHangLimit;
  wax.waited(3 * kSecond);
  EXPECT_EQ(wax.end(kScene, late + 3 * kSecond - 1), "");
  EXPECT_THAT(wax.end(kScene, late + 3 * kSecond), HasSubstr("no round for 8 s"));
  // What it waited for before a round is over.
  wax.beat(1, late + 3 * kSecond);
  EXPECT_THAT(wax.end(kScene, late + 3 * kSecond + WaxIncarnations::kHangLimit),
              HasSubstr("no round for 5 s"));
  // Another VMM's begins anew.
  wax.waited(kSecond);
  wax.waited(2 * kSecond);
  EXPECT_EQ(wax.end(kScene, late + 4 * kSecond - 1 + WaxIncarnations::kHangLimit), "");
  EXPECT_NE(wax.end(kScene, late + 4 * kSecond + WaxIncarnations::kHangLimit), "");
}

TEST(WaxIncarnations, HangInTheEndHoweverLongTheyWait) {
  WaxIncarnations wax;
  wax.started(kScene, kSecond);
  wax.waited(100 * kSecond);
  EXPECT_EQ(wax.end(kScene, kSecond + WaxIncarnations::kStarvedLimit - 1), "");
  EXPECT_THAT(wax.end(kScene, kSecond + WaxIncarnations::kStarvedLimit),
              HasSubstr("no round for 60 s"));
}

TEST(WaxIncarnations, FollowsOneThatFailsSoonAndLaterEachTime) {
  WaxIncarnations wax;
  Time now = kSecond;
  Time wait = WaxIncarnations::kFirstWait;
  for (int failures = 0; failures < 12; ++failures) {
    wax.started(kScene, now);
    EXPECT_FALSE(wax.is_due(now));
    now += 1000;
    wax.ended(now);
    EXPECT_FALSE(wax.runs());
    EXPECT_FALSE(wax.is_due(now + wait - 1)) << failures;
    EXPECT_TRUE(wax.is_due(now + wait)) << failures;
    now += wait;
    wait = std::min(wait * 2, WaxIncarnations::kLongestWait);
  }
}

TEST(WaxIncarnations, ForgivesOneThatHasLivedForLong) {
  WaxIncarnations wax;
  Time now = kSecond;
  for (int failures = 0; failures < 5; ++failures) {
    wax.started(kScene, now);
    wax.ended(now);
  }
  EXPECT_FALSE(wax.is_due(now + WaxIncarnations::kFirstWait));
  wax.started(kScene, now);
  now += WaxIncarnations::kLongLife;
  wax.ended(now);
  EXPECT_FALSE(wax.is_due(now + WaxIncarnations::kFirstWait)) << "it has done nothing";
  wax.started(kScene, now);
  wax.beat(1, now);
  now += WaxIncarnations::kLongLife;
  wax.ended(now);
  EXPECT_TRUE(wax.is_due(now + WaxIncarnations::kFirstWait));
  // An end that is told twice is one.
  wax.ended(now + kSecond);
  EXPECT_TRUE(wax.is_due(now + WaxIncarnations::kFirstWait));
}

TEST(WaxIncarnations, AreAskedForOnce) {
  WaxIncarnations wax;
  wax.started(kScene, kSecond);
  const WaxIncarnations::Scene later{4, 2};
  EXPECT_EQ(wax.next(kScene, /*has_failed=*/false, kSecond), "");
  EXPECT_THAT(wax.next(later, /*has_failed=*/false, kSecond), HasSubstr("epoch 4"));
  wax.asked();
  EXPECT_EQ(wax.next(later, /*has_failed=*/false, kSecond), "");
  wax.ended(kSecond);
  EXPECT_EQ(wax.next(later, /*has_failed=*/false, 2 * kSecond), "");  // It is being started.
  wax.started(later, 2 * kSecond);
  EXPECT_FALSE(wax.is_asked());
}

/// A VMM that fails by itself, as its end is asked for, is not started anew for that.
TEST(WaxIncarnations, AreAskedForAgainWhereTheLastOneFailedMeanwhile) {
  WaxIncarnations wax;
  wax.started(kScene, kSecond);
  wax.asked();
  wax.ended(kSecond);
  const Time due = kSecond + WaxIncarnations::kFirstWait;
  EXPECT_EQ(wax.next(kScene, /*has_failed=*/true, due - 1), "");
  EXPECT_THAT(wax.next(kScene, /*has_failed=*/true, due), HasSubstr("has failed"));
}

}  // namespace
}  // namespace hive::control
