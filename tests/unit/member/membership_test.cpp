#include "cellmon/member/membership.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/member/rig.h"

namespace hive::member {
namespace {

using agree::Evidence;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr Time kSecond = 1000 * kMillisecond;

CellSet cells(std::initializer_list<unsigned> numbers) {
  CellSet set;
  for (const unsigned number : numbers) set.insert(id(number));
  return set;
}

TEST(Membership, FoundsWithEveryCell) {
  Rig rig(3);
  EXPECT_EQ(rig[0].view().members, cells({0, 1, 2}));
  EXPECT_EQ(rig[2].view().epoch, 1U);
  EXPECT_TRUE(rig[1].may_start());
  EXPECT_THAT(rig.monitor(0).events, IsEmpty());
}

TEST(Membership, EvictsACellWhoseOwnMonitorAccusesIt) {
  Rig rig(3);
  rig[1].set_own_evidence(Evidence::kPanic, rig.now);
  rig.run();
  for (unsigned cell = 0; cell < 3; ++cell) {
    EXPECT_EQ(rig[cell].view().members, cells({0, 2})) << cell;
    EXPECT_EQ(rig[cell].view().epoch, 2U);
    EXPECT_FALSE(rig[cell].is_suspending()) << cell;
    EXPECT_EQ(rig.monitor(cell).suspensions, 1U) << cell;
  }
  EXPECT_FALSE(rig[1].is_member());
  EXPECT_TRUE(rig.monitor(1).has_left);
  EXPECT_FALSE(rig.monitor(0).has_left);
  EXPECT_THAT(rig.monitor(1).details("hint"), ElementsAre("cell1: panic"));
  EXPECT_THAT(rig.monitor(0).details("alert"), ElementsAre("about cell1"));
  EXPECT_THAT(rig.monitor(0).details("vote"), Each(HasSubstr("cell1 failed (panic)")));
  EXPECT_THAT(rig.monitor(2).details("view"),
              ElementsAre(AllOf(HasSubstr("epoch 2: cell0, cell2; cell1 left"),
                                HasSubstr("ms after the alert"))));
  EXPECT_THAT(rig.monitor(2).details("resumed"), SizeIs(1));
}

TEST(Membership, KeepsGuestsStillUntilRecoveryIsDone) {
  Rig rig(3);
  rig.monitor(0).recovers = false;
  rig[1].set_own_evidence(Evidence::kVmmExit, rig.now);
  rig.run();
  EXPECT_TRUE(rig[0].is_suspending());
  EXPECT_FALSE(rig[0].may_start());
  EXPECT_EQ(rig.monitor(0).to_recover, cells({1}));
  EXPECT_FALSE(rig[2].is_suspending());
  rig.now += 7 * kMillisecond;
  rig[0].recovered(rig.now);
  EXPECT_FALSE(rig[0].is_suspending());
  EXPECT_THAT(rig.monitor(0).details("resumed"), ElementsAre(HasSubstr("for 7.000 ms")));
}

TEST(Membership, LetsACellInAgainInItsNextIncarnation) {
  Rig rig(3);
  rig[1].set_own_evidence(Evidence::kTripleFault, rig.now);
  rig.run();
  EXPECT_FALSE(rig[1].may_start());
  rig[1].set_own_evidence({}, rig.now);
  rig[1].join(rig.now);
  rig.run();
  for (unsigned cell = 0; cell < 3; ++cell) {
    EXPECT_EQ(rig[cell].view().members, cells({0, 1, 2})) << cell;
    EXPECT_EQ(rig[cell].view().incarnations[1], 2U) << cell;
    EXPECT_EQ(rig.monitor(cell).suspensions, 1U) << "joining stops nobody";
  }
  EXPECT_TRUE(rig[1].may_start());
}

TEST(Membership, EvictsACellWhoseMonitorHasEnded) {
  Rig rig(3);
  rig.kill(0);
  for (unsigned cell = 1; cell < 3; ++cell) {
    EXPECT_EQ(rig[cell].view().members, cells({1, 2}));
    EXPECT_FALSE(rig[cell].is_suspending());
  }
  rig.kill(1);
  EXPECT_EQ(rig[2].view().members, cells({2})) << "just half, with proof";
}

TEST(Membership, LetsALaterProcessIn) {
  Rig rig(3);
  rig.kill(0);
  rig.start(0);
  EXPECT_FALSE(rig[0].is_member());
  rig[0].join(rig.now);
  rig.run();
  EXPECT_TRUE(rig[0].is_member());
  EXPECT_EQ(rig[2].view().incarnations[0], 2U);
  rig.pass(5 * kSecond);
  EXPECT_EQ(rig[2].view().epoch, 3U) << "its earlier life's end is not held against it";
  rig.kill(0);
  EXPECT_EQ(rig[2].view().members, cells({1, 2}));
}

TEST(Membership, DoesNotAccuseALifeThatItHasNotSeenEnd) {
  Rig rig(3);
  rig.kill(0);
  rig.start(0);
  rig[0].join(rig.now);
  rig.run();
  // Again the end of the first process, late.
  const std::uint64_t epoch = rig[1].view().epoch;
  Membership late({id(1), {"cell0", "cell1", "cell2"}}, rig.monitor(1));
  late.link_up(id(0), 1, rig.now);
  agree::State state;
  state.header.kind = agree::Kind::kState;
  state.header.from = id(2);
  state.header.life = 1;
  state.agreed = rig[2].agreed();
  state.header.slot = state.agreed.slot;
  late.receive(id(2), state, rig.now);
  ASSERT_EQ(late.view().epoch, epoch);
  late.process_ended(id(0), rig.now);
  EXPECT_TRUE(late.suspects().empty());
}

TEST(Membership, WaitsForALinkThatComesBack) {
  Rig rig(3);
  for (const unsigned other : {0U, 1U}) {
    rig[other].link_lost(id(2), rig.now);
    rig[2].link_lost(id(other), rig.now);
  }
  rig.pass(500 * kMillisecond);
  for (const unsigned other : {0U, 1U}) {
    rig[other].link_up(id(2), 1, rig.now);
    rig[2].link_up(id(other), 1, rig.now);
  }
  rig.pass(10 * kSecond);
  EXPECT_EQ(rig[0].agreed().slot, 1U) << "nothing was decided";
  EXPECT_THAT(rig.monitor(0).events, IsEmpty());
}

TEST(Membership, EvictsAMonitorThatIsStopped) {
  Rig rig(3);
  rig.pass(10 * kSecond);
  rig.monitor(1).answers = false;
  rig.pass(10 * kSecond);
  for (const unsigned cell : {0U, 2U}) {
    EXPECT_EQ(rig[cell].view().members, cells({0, 2}));
    EXPECT_FALSE(rig[cell].is_suspending());
  }
  EXPECT_FALSE(rig.monitor(1).has_left);
  rig.wake(1);
  EXPECT_TRUE(rig.monitor(1).has_left) << "it learns of it when it goes on";
}

TEST(Membership, OfTwoSaysOnceThatItCannotAccuseTheOther) {
  Rig rig(2);
  for (unsigned times = 1; times < 3; ++times) {
    rig.pass(10 * kSecond);
    rig.monitor(1).answers = false;
    rig.pass(60 * kSecond);
    EXPECT_THAT(rig.monitor(0).details("no-alert"), SizeIs(times));
    EXPECT_THAT(rig.monitor(0).details("alert"), IsEmpty());
    rig.wake(1);
  }
  EXPECT_EQ(rig.monitor(0).suspensions, 0U);
}

TEST(Membership, TellsHowSuspiciousACellIs) {
  Rig rig(4);
  rig.pass(5 * kSecond);
  EXPECT_EQ(rig[0].watched(), cells({1, 2}));
  EXPECT_EQ(rig[0].suspicion(id(1), rig.now), 0);
  rig.monitor(1).answers = false;
  rig.pass(1200 * kMillisecond);
  EXPECT_GT(rig[0].suspicion(id(1), rig.now), 0);
  EXPECT_EQ(rig[0].suspicion(id(3), rig.now), 0) << "not watched";
}

// Everybody is late: watchers, heartbeats, and answers. Nobody stops for it.
TEST(Membership, RaisesNoAlertOnAHostThatIsMerelyOverloaded) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    Rig rig(4);
    std::mt19937 random(seed);
    std::exponential_distribution<double> late(1.0 / 800);
    rig.own_delay = [&] {
      return std::min(static_cast<Time>(late(random)) * kMillisecond, 20 * kSecond);
    };
    for (unsigned step = 0; step < 200; ++step) {
      // One of them gets no CPU for up to two seconds.
      const unsigned starved = random() % 4;
      rig.monitor(starved).answers = false;
      rig.pass(random() % 2000 * kMillisecond);
      rig.wake(starved);
      rig.pass(random() % 3000 * kMillisecond);
    }
    for (unsigned cell = 0; cell < 4; ++cell) {
      EXPECT_THAT(rig.monitor(cell).details("alert"), IsEmpty()) << "seed " << seed;
    }
  }
}

TEST(Membership, DismissesAFalseAccusationAndTheAccuserGoesAfterTheSecond) {
  Rig rig(3);
  rig[2].accuse(id(0), Evidence::kHeartbeat, rig.now);
  rig.run();
  for (unsigned cell = 0; cell < 3; ++cell) {
    EXPECT_EQ(rig[cell].view().epoch, 1U);
    EXPECT_FALSE(rig[cell].is_suspending());
    EXPECT_THAT(rig.monitor(cell).details("dismissal"),
                ElementsAre(HasSubstr("cell0 stays, cell2 was voted down")));
  }
  rig[2].accuse(id(0), Evidence::kHeartbeat, rig.now);
  rig.run();
  EXPECT_EQ(rig[0].view().members, cells({0, 1}));
  EXPECT_TRUE(rig.monitor(2).has_left);
}

// cell2 finds its link to cell0 lost for TIME, which nobody else does.
void lose_link(Rig& rig, Time time) {
  rig[2].link_lost(id(0), rig.now);
  rig.pass(time);
  rig[2].link_up(id(0), 1, rig.now);
  rig.run();
}

TEST(Membership, IsSurerAboutACellOnceItWasVotedDownAboutIt) {
  Rig rig(3);
  lose_link(rig, 3 * kSecond);
  EXPECT_THAT(rig.monitor(2).details("dismissal"),
              ElementsAre(HasSubstr("cell0 stays, cell2 was voted down")));
  for (unsigned time = 0; time < 5; ++time) lose_link(rig, 10 * kSecond);
  EXPECT_THAT(rig.monitor(2).details("alert"), SizeIs(1));
  lose_link(rig, 20 * kSecond);
  EXPECT_EQ(rig[0].view().members, cells({0, 1}));
}

TEST(Membership, VotesInTimeOnACellAboutWhichItIsSurer) {
  Rig rig(3);
  lose_link(rig, 3 * kSecond);
  rig.pass(10 * kSecond);
  rig.monitor(0).answers = false;
  rig.pass(10 * kSecond);
  EXPECT_EQ(rig[2].view().members, cells({1, 2}));
}

TEST(Membership, DoesNotTakeItsOwnDelayForTheSuspects) {
  Rig rig(3);
  rig.pass(5 * kSecond);
  rig.monitor(1).answers = false;
  while (rig.monitor(0).details("hint").empty()) rig.pass(100 * kMillisecond);
  // For a while nobody gets any CPU time, and then timers go off before messages are read.
  rig.now += 5 * kSecond;
  for (const unsigned cell : {0U, 2U}) rig[cell].tick(rig.now);
  rig.wake(1);
  rig.pass(10 * kSecond);
  EXPECT_THAT(rig.monitor(0).details("alert"), IsEmpty());
  EXPECT_EQ(rig[0].agreed().slot, 1U);
}

TEST(Membership, GivesEachAnswerItsTimeAgainWhereItIsLate) {
  Rig rig(4);
  rig.pass(5 * kSecond);
  rig[0].link_lost(id(3), rig.now);
  rig.monitor(1).answers = false;
  while (rig.monitor(0).details("hint").empty()) rig.pass(100 * kMillisecond);
  rig.now = rig[0].deadline() + 400 * kMillisecond;
  rig[0].tick(rig.now);  // Late for the link.
  rig[0].link_up(id(3), 1, rig.now);
  rig.now = rig[0].deadline() + 400 * kMillisecond;
  rig[0].tick(rig.now);  // And for the answer.
  rig.wake(1);
  rig.pass(10 * kSecond);
  EXPECT_THAT(rig.monitor(0).details("alert"), IsEmpty());
}

TEST(Membership, DoesNotAccuseForAnAnswerThatNobodyWantsAnyMore) {
  Rig rig(4);
  rig.monitor(2).hears = false;
  rig[3].accuse(id(0), Evidence::kHeartbeat, rig.now);
  rig.pass(10 * kSecond);
  EXPECT_THAT(rig.monitor(2).details("dismissal"),
              ElementsAre(HasSubstr("cell0 stays, cell3 was voted down")));
  EXPECT_THAT(rig.monitor(2).details("alert"), SizeIs(1));
}

TEST(Membership, VotesOnlyOnceTheGuestStandsStill) {
  Rig rig(3);
  rig.monitor(0).stops = rig.monitor(2).stops = false;
  rig[1].set_own_evidence(Evidence::kPanic, rig.now);
  rig.pass(3 * kSecond);
  EXPECT_EQ(rig[0].view().epoch, 1U);
  rig.monitor(2).stops = true;
  rig.pass(20 * kSecond);
  EXPECT_EQ(rig[2].view().epoch, 2U) << "two of three are enough";
}

TEST(Membership, AccusesNobodyOnceItGoesDown) {
  Rig rig(3);
  for (unsigned cell = 0; cell < 3; ++cell) rig[cell].go_down();
  rig.kill(0);
  rig.kill(1);
  EXPECT_THAT(rig.monitor(2).events, IsEmpty());
  EXPECT_EQ(rig.monitor(2).suspensions, 0U);
}

TEST(Membership, TakesPartInWhatOthersRaiseWhileItGoesDown) {
  Rig rig(3);
  rig[0].go_down();
  rig.kill(1);
  EXPECT_EQ(rig[0].view().members, cells({0, 2}));
}

TEST(Membership, OfOneCellHasNobodyToTell) {
  Rig rig(1);
  rig[0].set_own_evidence(Evidence::kPanic, rig.now);
  EXPECT_THAT(rig.monitor(0).events, IsEmpty());
  EXPECT_TRUE(rig[0].may_start());
}

TEST(Membership, OfALastCellThatFailsGoesOn) {
  Rig rig(2);
  rig.kill(1);
  rig[0].set_own_evidence(Evidence::kPanic, rig.now);
  rig.run();
  EXPECT_TRUE(rig[0].is_member());
  EXPECT_EQ(rig[0].view().incarnations[0], 2U);
  EXPECT_TRUE(rig[0].may_start());
}

TEST(Membership, AsksBeforeItAccusesOfAMalformedPage) {
  Rig rig(3);
  rig[0].observe(id(1), std::nullopt, 0, rig.now);
  rig[0].observe(id(1), std::nullopt, 0, rig.now);
  rig.run();
  rig.pass(5 * kSecond);
  EXPECT_THAT(rig.monitor(0).details("hint"), SizeIs(1));
  EXPECT_THAT(rig.monitor(0).details("alert"), IsEmpty());
}

TEST(Membership, AsksAboutACellThatItIsToldToDoubt) {
  Rig rig(3);
  rig[0].doubt(id(1), Evidence::kRpcTimeout, rig.now);
  rig.run();
  EXPECT_THAT(rig.monitor(0).details("hint"),
              ElementsAre(AllOf(HasSubstr("cell1"), HasSubstr("its monitor is asked"))));
  rig.pass(10 * kSecond);
  EXPECT_EQ(rig[0].view().epoch, 1U) << "it has answered that its cell is well";
  EXPECT_EQ(rig.monitor(2).suspensions, 0U);
  rig.monitor(1).answers = false;
  rig[0].doubt(id(1), Evidence::kViolation, rig.now);
  rig.pass(10 * kSecond);
  EXPECT_EQ(rig[0].view().members, cells({0, 2}));
}

}  // namespace
}  // namespace hive::member
