#include "cellmon/recover/recovery.h"

#include <gmock/gmock.h>

#include "tests/unit/recover/rig.h"

namespace hive::recover {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr CellId kA{0};
constexpr CellId kB{1};
constexpr CellId kC{2};

TEST(Recovery, DoesAllStepsInOrderAndEndsForAll) {
  Rig rig(4);
  rig.lose(3);
  for (unsigned index = 0; index < 3; ++index) {
    EXPECT_THAT(rig.port(index).steps,
                ElementsAre(Step::kSuspend, Step::kStop, Step::kClose, Step::kRevoke,
                            Step::kDiscard, Step::kGenerations, Step::kLocks, Step::kCalls,
                            Step::kAgents, Step::kAdmit, Step::kResume));
    EXPECT_TRUE(rig[index].is_complete());
    EXPECT_FALSE(rig[index].holds_guest());
    EXPECT_TRUE(rig[index].casualties().empty());
  }
  EXPECT_THAT(rig.port(0).recoveries, ElementsAre(2));
  EXPECT_THAT(rig.port(1).recoveries, IsEmpty());
}

TEST(Recovery, NobodyDiscardsBeforeAllAreFenced) {
  Rig rig(4);
  rig.works[2] = false;
  rig.lose(3);
  for (int steps = 0; steps < 3; ++steps) rig.step(2);
  rig.run();
  EXPECT_EQ(rig.port(0).steps.back(), Step::kRevoke);
  EXPECT_EQ(rig.port(1).steps.back(), Step::kRevoke);
  rig.step(2);
  rig.run();
  EXPECT_EQ(rig.port(1).steps.back(), Step::kAgents);
}

TEST(Recovery, NobodyResumesBeforeAllAreClean) {
  Rig rig(4);
  rig.works[2] = false;
  rig.lose(3);
  for (int steps = 0; steps < 8; ++steps) {
    rig.step(2);
    rig.run();
  }
  EXPECT_EQ(rig.port(2).steps.back(), Step::kAgents);
  EXPECT_TRUE(rig[0].holds_guest());
  EXPECT_TRUE(rig[1].holds_guest());
  rig.works[2] = true;
  rig.run();
  EXPECT_FALSE(rig[0].holds_guest());
  EXPECT_FALSE(rig[2].holds_guest());
}

TEST(Recovery, AFailureMeanwhileStartsItAnewForBoth) {
  Rig rig(5);
  rig.works[1] = false;
  rig.lose(4);
  rig.step(1);
  rig.port(1).orders.clear();
  rig.works[1] = true;
  rig.lose(3);
  // Nobody has forgotten the first one.
  EXPECT_TRUE(rig[1].is_complete());
  const std::vector<Step>& steps = rig.port(1).steps;
  EXPECT_EQ(std::count(steps.begin(), steps.end(), Step::kSuspend), 2);
  EXPECT_EQ(std::count(steps.begin(), steps.end(), Step::kDiscard), 1);
  EXPECT_EQ(rig.port(0).recoveries, std::vector<std::uint64_t>{3});
}

TEST(Recovery, OrdersNameAllThatIsNotRecoveredFrom) {
  Rig rig(5);
  rig.works.assign(5, false);
  rig.lose(4);
  rig.lose(3);
  const Order& order = rig.port(0).orders.back();
  EXPECT_EQ(order.epoch, 3);
  EXPECT_EQ(order.casualties.cells, CellSet(0b11000));
  EXPECT_EQ(order.casualties.last[4], 1);
}

TEST(Recovery, TheNextOneCoordinatesWhenTheCoordinatorDies) {
  Rig rig(4);
  rig.works[2] = false;
  rig.lose(3);
  rig.dead[0] = true;
  rig.lose(0);
  rig.works[2] = true;
  rig.port(2).orders.pop_front();  // of the epoch before
  rig.run();
  EXPECT_TRUE(rig[1].is_complete());
  EXPECT_TRUE(rig[2].is_complete());
  EXPECT_THAT(rig.port(1).recoveries, ElementsAre(3));
}

TEST(Recovery, AnswersOfAnEarlierEpochCountForNothing) {
  Rig rig(4);
  rig.works.assign(4, false);
  rig.lose(3);
  const Order old = rig.port(1).orders.front();
  rig.lose(2);
  rig[1].done(old.epoch, old.step, rig.now);
  EXPECT_EQ(rig[1].step(), Step::kSuspend);
  rig[1].done(3, Step::kRevoke, rig.now);  // nor does one that was not asked for
  EXPECT_EQ(rig[1].step(), Step::kSuspend);
}

TEST(Recovery, MessagesOfOthersEpochsAndStrangersAreIgnored) {
  Rig rig(4);
  rig.works.assign(4, false);
  rig.lose(3);
  Message go{Kind::kGo, kA, 2, agree::kFounder, 0, Phase::kFenced};
  rig[1].receive(kA, go, rig.now);  // before this one is fenced itself
  go.epoch = 1;
  rig[1].receive(kA, go, rig.now);
  go.epoch = 2;
  rig[1].receive(kC, go, rig.now);  // over another's link
  go.from = kC;
  rig[1].receive(kC, go, rig.now);  // who does not coordinate
  go.from = CellId{200};
  rig[1].receive(CellId{200}, go, rig.now);
  EXPECT_EQ(rig[1].ignored(), 5);
  const Message report{Kind::kReport, kB, 2, 9, 0, Phase::kFenced};
  rig[0].receive(kB, report, rig.now);  // another life
  EXPECT_EQ(rig[0].ignored(), 1);
}

TEST(Recovery, WhatIsLostIsSaidAgain) {
  Rig rig(3);
  rig.loses_messages = true;
  rig.lose(2);
  EXPECT_EQ(rig.port(1).steps.back(), Step::kRevoke);
  rig.loses_messages = false;
  rig.pass(10 * rig.settings.times.retry);
  EXPECT_TRUE(rig[0].is_complete());
  EXPECT_TRUE(rig[1].is_complete());
  rig.dead[2] = true;
  const std::size_t waits = rig.port(1).sent.size();
  rig[1].tick(rig.now + rig.settings.times.patience);
  EXPECT_EQ(rig.port(1).sent.size(), waits);  // and then no more
}

TEST(Recovery, TheCoordinatorNamesWhoIsLate) {
  Rig rig(4);
  rig.works[1] = false;
  rig.lose(3);
  rig.pass(rig.settings.times.patience + rig.settings.times.retry);
  EXPECT_THAT(rig.port(0).lates, ElementsAre(CellSet::of(kB)));
  EXPECT_THAT(rig.port(2).lates, IsEmpty());
  rig.run();
  rig.works[1] = true;
  rig.run();
  EXPECT_TRUE(rig[0].is_complete());
  rig.pass(5 * rig.settings.times.patience);
  EXPECT_EQ(rig.port(0).lates.size(), 1);
  EXPECT_THAT(rig.port(2).lates, IsEmpty());
}

TEST(Recovery, TheOthersNameACoordinatorThatIsLate) {
  Rig rig(4);
  rig.works[0] = false;
  rig.lose(3);
  rig.pass(rig.settings.times.patience + rig.settings.times.retry);
  EXPECT_THAT(rig.port(0).lates, ElementsAre(CellSet::of(kA)));
  EXPECT_THAT(rig.port(1).lates, IsEmpty());
  rig.pass(3 * rig.settings.times.patience);
  EXPECT_THAT(rig.port(1).lates, ElementsAre(CellSet::of(kA)));

  Rig witnessed(4, {}, CellSet::of(kC));
  witnessed.lose(3);
  witnessed.pass(5 * rig.settings.times.patience);
  EXPECT_THAT(witnessed.port(2).lates, IsEmpty());
}

TEST(Recovery, WhoWasShutDownOnRequestIsLeftAlone) {
  Rig rig(3, {OnFailure::kReboot});
  rig.dead[2] = true;
  rig[0].retire(kC);
  rig[0].monitor_ended(kC, rig.now);
  rig.lose(2);
  EXPECT_TRUE(rig[0].is_complete());
  rig.pass(2 * rig.settings.times.patience);
  EXPECT_THAT(rig.port(0).replaced, IsEmpty());
  // Once it is back, it is one like any other.
  rig.change({}, CellSet::of(kC));
  rig.tell_all();
  rig[0].monitor_ended(kC, rig.now);
  rig.change(CellSet::of(kC));
  rig.tell_all();
  rig.pass(2 * rig.settings.times.patience);
  EXPECT_THAT(rig.port(0).replaced, ElementsAre(kC));
}

TEST(Recovery, WhoSaysThatItComesAndDoesNotIsReplaced) {
  Rig rig(2);
  rig.lose(1);
  EXPECT_THAT(rig.port(0).replaced, IsEmpty());
  rig.now += rig.settings.times.coming;
  rig[0].tick(rig.now);
  EXPECT_EQ(rig[0].restart_policy(kB).failures(), 2);
  rig.now = rig[0].deadline();
  rig[0].tick(rig.now);
  EXPECT_THAT(rig.port(0).replaced, ElementsAre(kB));
}

TEST(Recovery, OldIncarnationsAreNotServed) {
  Rig rig(3);
  EXPECT_TRUE(rig[0].serves(kC, 1));
  EXPECT_FALSE(rig[0].serves(kC, 2));
  EXPECT_FALSE(rig[0].serves(kC, 0));
  rig.works.assign(3, false);
  rig.lose(2);
  EXPECT_FALSE(rig[0].serves(kC, 1));
  EXPECT_FALSE(rig[2].serves(kA, 1));  // who is out serves nobody
  rig.change({}, CellSet::of(kC));
  rig.tell(0);
  EXPECT_FALSE(rig[0].serves(kC, 1));
  EXPECT_TRUE(rig[0].serves(kC, 2));
}

TEST(Recovery, WhoIsOutComesBackOnceTheOthersHaveRecovered) {
  Rig rig(3);
  rig.works[1] = false;
  rig.lose(2);
  EXPECT_EQ(rig.port(2).leaves, 1);
  rig[2].left(rig.now);
  EXPECT_EQ(rig.port(2).rejoins, 0);
  rig.works[1] = true;
  rig.run();
  EXPECT_EQ(rig.port(2).rejoins, 1);
  EXPECT_THAT(rig.port(0).replaced, IsEmpty());
  rig.change({}, CellSet::of(kC));
  rig.tell_all();
  EXPECT_THAT(rig.port(2).boots, ElementsAre(2));
  // The others were not held for that.
  EXPECT_EQ(rig.port(0).steps.back(), Step::kResume);
  EXPECT_EQ(std::count(rig.port(0).steps.begin(), rig.port(0).steps.end(), Step::kSuspend), 1);
}

TEST(Recovery, TheGuestEndsBeforeItsMonitorComesBack) {
  Rig rig(3);
  rig.lose(2);
  EXPECT_EQ(rig.port(2).rejoins, 0);  // though it was told
  rig[2].left(rig.now);
  EXPECT_EQ(rig.port(2).rejoins, 1);
  rig[2].left(rig.now);
  EXPECT_EQ(rig.port(2).rejoins, 1);
}

TEST(Recovery, AJoinerBootsOnlyWhenNothingIsLeftOfItsLastIncarnation) {
  Rig rig(4);
  rig.works[1] = false;
  rig.lose(3);
  rig.change({}, CellSet::of(Rig::id(3)));
  rig.dead[3] = true;
  Recorder port;
  rig.settings.self = Rig::id(3);
  rig.ports[3] = std::make_unique<Recorder>();
  rig.survivors[3] = std::make_unique<Recovery>(rig.settings, *rig.ports[3]);
  rig.dead[3] = false;
  rig.port(1).orders.clear();
  rig.tell_all();
  EXPECT_THAT(rig.port(3).boots, IsEmpty());
  rig.works[1] = true;
  rig.run();
  EXPECT_THAT(rig.port(3).boots, ElementsAre(2));
}

TEST(Recovery, AMonitorThatHasEndedIsReplacedAtOnce) {
  Rig rig(3);
  rig.dead[2] = true;
  rig[0].monitor_ended(kC, rig.now);  // known before the view
  rig.lose(2);
  EXPECT_THAT(rig.port(0).replaced, ElementsAre(kC));
  EXPECT_THAT(rig.port(1).replaced, IsEmpty());
}

TEST(Recovery, AMonitorThatDoesNotAnswerIsReplacedAfterAWhile) {
  Rig rig(3);
  rig.dead[2] = true;
  rig.lose(2);
  EXPECT_THAT(rig.port(0).replaced, IsEmpty());
  rig.pass(rig.settings.times.patience + 2 * rig.settings.times.retry);
  EXPECT_THAT(rig.port(0).replaced, ElementsAre(kC));
  rig.pass(rig.settings.times.patience);
  EXPECT_EQ(rig.port(0).replaced.size(), 1);
}

TEST(Recovery, ANewCoordinatorReplacesWhoIsStillOut) {
  Rig rig(4);
  rig.dead[3] = true;
  for (unsigned index = 0; index < 3; ++index) rig[index].monitor_ended(Rig::id(3), rig.now);
  rig.lose(3);
  rig.dead[0] = true;
  for (unsigned index = 1; index < 3; ++index) rig[index].monitor_ended(kA, rig.now);
  rig.lose(0);
  EXPECT_THAT(rig.port(1).replaced, ElementsAre(kA, Rig::id(3)));
}

TEST(Recovery, AsksAMonitorThatSomebodyElseHasStarted) {
  Rig rig(3);
  rig.dead[2] = true;
  rig[0].monitor_ended(kC, rig.now);
  rig[0].monitor_started(kC);
  rig.lose(2);
  EXPECT_THAT(rig.port(0).replaced, IsEmpty());
  rig.pass(rig.settings.times.patience + 2 * rig.settings.times.retry);
  EXPECT_THAT(rig.port(0).replaced, ElementsAre(kC)) << "it does not answer either";
}

TEST(Recovery, ReplacingFollowsThePolicy) {
  for (const OnFailure policy : {OnFailure::kLeave, OnFailure::kStopMachine}) {
    Rig rig(3, {policy});
    rig.dead[2] = true;
    rig.lose(2);
    rig[0].monitor_ended(kC, rig.now);
    rig.pass(2 * rig.settings.times.patience);
    EXPECT_THAT(rig.port(0).replaced, IsEmpty());
    EXPECT_EQ(rig.port(0).stops.size(), policy == OnFailure::kStopMachine ? 1 : 0);
    EXPECT_THAT(rig.port(1).stops, IsEmpty());
  }
}

TEST(Recovery, WhoStaysThoughItsGuestFailedBootsAsThePolicySays) {
  Rig rig(1);
  ++rig.view.epoch;
  ++rig.view.incarnations[0];
  rig.tell_all();
  EXPECT_THAT(rig.port(0).boots, ElementsAre(2));
  ++rig.view.epoch;
  ++rig.view.incarnations[0];
  rig.tell_all();
  EXPECT_THAT(rig.port(0).boots, ElementsAre(2));  // the second in a row has to wait
  EXPECT_EQ(rig[0].deadline(), rig.now + RestartSettings().first_delay);
  rig.now = rig[0].deadline();
  rig[0].tick(rig.now);
  EXPECT_THAT(rig.port(0).boots, ElementsAre(2, 3));

  Rig left(1, {OnFailure::kLeave});
  ++left.view.epoch;
  ++left.view.incarnations[0];
  left.tell_all();
  EXPECT_THAT(left.port(0).boots, IsEmpty());
  EXPECT_EQ(left[0].deadline(), kNever);
}

TEST(Recovery, AWitnessThatIsLeftAloneBringsTheCellsBack) {
  Rig rig(3, {}, CellSet::of(kC));
  rig.dead[0] = rig.dead[1] = true;
  rig[2].monitor_ended(kA, rig.now);
  rig.change(CellSet(0b011));
  rig.tell_all();
  EXPECT_THAT(rig.port(2).steps, IsEmpty());
  EXPECT_THAT(rig.port(2).replaced, ElementsAre(kA));
  rig.pass(rig.settings.times.patience + 2 * rig.settings.times.retry);
  EXPECT_THAT(rig.port(2).replaced, ElementsAre(kA, kB));
}

TEST(Recovery, TheLossOfAWitnessHoldsNobody) {
  Rig rig(3, {}, CellSet::of(kC));
  rig.works.assign(3, false);
  rig.lose(2);
  EXPECT_FALSE(rig[0].holds_guest());
  EXPECT_EQ(rig.port(0).steps.front(), Step::kAdmit);
}

TEST(Recovery, WhoMissedViewsRecoversFromAllThatHappened) {
  Rig rig(4);
  rig.works.assign(4, false);
  rig.change(CellSet::of(kC));
  rig.change({}, CellSet::of(kC));
  rig.tell(1);  // it never saw kC out
  const Order& order = rig.port(1).orders.back();
  EXPECT_EQ(order.step, Step::kSuspend);
  EXPECT_EQ(order.casualties.cells, CellSet::of(kC));
  EXPECT_EQ(order.casualties.last[2], 1);
}

}  // namespace
}  // namespace hive::recover
