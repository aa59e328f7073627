// What a membership counts of alerts, decisions and pauses.
#include <gtest/gtest.h>

#include "tests/unit/member/rig.h"

namespace hive::member {
namespace {

using agree::Evidence;

TEST(MemberFigures, AreNothingAtFirst) {
  Rig rig(3);
  rig.pass(5'000 * kMillisecond);
  const Figures& figures = rig[0].figures();
  EXPECT_EQ(figures.alerts + figures.dismissals + figures.accusers_voted_down, 0U);
  EXPECT_EQ(figures.agreements.count() + figures.pauses.count(), 0U);
}

TEST(MemberFigures, CountAnAlertItsAgreementAndThePauseOfEachSurvivor) {
  Rig rig(3);
  rig.monitor(0).recovers = false;
  rig[1].set_own_evidence(Evidence::kPanic, rig.now);
  rig.run();
  rig.now += 7 * kMillisecond;
  rig[0].recovered(rig.now);
  for (const unsigned cell : {0U, 2U}) {
    const Figures& figures = rig[cell].figures();
    EXPECT_EQ(figures.alerts, 1U) << cell;
    EXPECT_EQ(figures.dismissals, 0U) << cell;
    EXPECT_EQ(figures.agreements.count(), 1U) << cell;
    EXPECT_EQ(figures.pauses.count(), 1U) << cell;
  }
  EXPECT_EQ(rig[0].figures().pauses.sum(), 7 * kMillisecond);
  EXPECT_EQ(rig[2].figures().pauses.sum(), 0U);
}

TEST(MemberFigures, CountAFalseAlertAndWhoWasVotedDown) {
  Rig rig(3);
  rig[2].accuse(id(0), Evidence::kHeartbeat, rig.now);
  rig.run();
  for (unsigned cell = 0; cell < 3; ++cell) {
    const Figures& figures = rig[cell].figures();
    EXPECT_EQ(figures.alerts, 1U) << cell;
    EXPECT_EQ(figures.dismissals, 1U) << cell;
    EXPECT_EQ(figures.accusers_voted_down, 1U) << cell;
    EXPECT_EQ(figures.agreements.count(), 1U) << cell;
  }
}

}  // namespace
}  // namespace hive::member
