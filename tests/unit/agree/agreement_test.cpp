#include "cellmon/agree/agreement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agree/rig.h"

namespace hive::agree {
namespace {

CellSet set(std::initializer_list<unsigned> cells) {
  CellSet result;
  for (const unsigned cell : cells) result.insert(Rig::id(cell));
  return result;
}

TEST(Agreement, EvictsADeadMonitorsCell) {
  Rig rig(4);
  rig.kill(2);
  rig[3].accuse(Rig::id(2), Evidence::kMonitorDeath, rig.now);
  rig.run();
  for (const unsigned cell : {0U, 1U, 3U}) {
    EXPECT_EQ(rig[cell].view().members, set({0, 1, 3}));
    EXPECT_EQ(rig[cell].view().epoch, 2U);
    EXPECT_FALSE(rig[cell].is_active());
  }
}

TEST(Agreement, KeepsAHealthyCellAndResumesAll) {
  Rig rig(3);
  rig[0].accuse(Rig::id(2), Evidence::kHeartbeat, rig.now);
  rig.run();
  for (unsigned cell = 0; cell < 3; ++cell) {
    EXPECT_EQ(rig[cell].view().epoch, 1U);
    EXPECT_EQ(rig[cell].agreed().slot, 2U);
    ASSERT_EQ(rig.port(cell).decisions.size(), 1U);
    const Decision& decision = rig.port(cell).decisions[0];
    EXPECT_FALSE(decision.changes_view());
    EXPECT_EQ(decision.cleared, set({2}));
    EXPECT_EQ(decision.accuser, Rig::id(0));
  }
}

TEST(Agreement, VotesOnlyWhenItsGuestStandsStill) {
  Recorder port;
  Agreement agreement({Rig::id(1)}, founding_view(set({0, 1, 2})), port);
  agreement.link_up(Rig::id(0), 0);
  agreement.link_up(Rig::id(2), 0);
  port.sent.clear();
  agreement.accuse(Rig::id(2), Evidence::kLinkLost, 0);
  EXPECT_EQ(port.suspensions, 1U);
  for (const auto& sent : port.sent) EXPECT_FALSE(std::holds_alternative<Vote>(sent.message));
  port.sent.clear();
  agreement.suspended(1);
  ASSERT_EQ(port.sent.size(), 1U);
  const Vote& vote = std::get<Vote>(port.sent[0].message);
  EXPECT_EQ(port.sent[0].to, Rig::id(0));
  EXPECT_EQ(vote.opinion.failed, set({2}));
  EXPECT_EQ(vote.opinion.evidence[2], EvidenceSet(Evidence::kLinkLost));
}

TEST(Agreement, PutsOutWhoIsVotedDownTwice) {
  Rig rig(4);
  rig.finds = [](unsigned observer, CellId about) {
    return observer == 1 && about == Rig::id(3) ? EvidenceSet(Evidence::kHeartbeat) : EvidenceSet();
  };
  rig[1].accuse(Rig::id(3), Evidence::kHeartbeat, rig.now);
  rig.run();
  EXPECT_EQ(rig[0].view().members, set({0, 1, 2, 3}));
  rig[1].accuse(Rig::id(3), Evidence::kHeartbeat, rig.now);
  rig.run();
  EXPECT_EQ(rig[0].view().members, set({0, 2, 3}));
  EXPECT_FALSE(rig[1].is_member());
}

TEST(Agreement, TwoAccusationsOfDifferentCellsAreNoTrial) {
  Rig rig(4);
  rig[1].accuse(Rig::id(3), Evidence::kHeartbeat, rig.now);
  rig.run();
  rig[1].accuse(Rig::id(2), Evidence::kHeartbeat, rig.now);
  rig.run();
  EXPECT_EQ(rig[0].view().members, set({0, 1, 2, 3}));
  EXPECT_EQ(rig[0].agreed().struck[1], set({2, 3}));
}

TEST(Agreement, GoesOnWithoutADeadLeader) {
  Rig rig(5);
  rig.kill(0);
  rig[4].accuse(Rig::id(2), Evidence::kRpcTimeout, rig.now);
  rig.run();
  EXPECT_TRUE(rig[4].is_active());
  rig.pass(4 * Settings().round);
  for (unsigned cell = 1; cell < 5; ++cell) EXPECT_EQ(rig[cell].agreed().slot, 2U);
}

TEST(Agreement, WithTwoVotersOnlyProofEvicts) {
  Rig rig(2);
  rig[0].accuse(Rig::id(1), Evidence::kHeartbeat | Evidence::kNoAnswer, rig.now);
  EXPECT_THAT(rig.port(0).refusals, testing::ElementsAre(Refusal::kInconclusive));
  EXPECT_FALSE(rig[0].is_active());
  rig.kill(1);
  rig[0].accuse(Rig::id(1), Evidence::kMonitorDeath, rig.now);
  rig.run();
  EXPECT_EQ(rig[0].view().members, set({0}));
}

TEST(Agreement, WithTwoVotersAPanicTakesBothVotes) {
  Rig rig(2);
  rig.finds = [](unsigned, CellId about) {
    return about == Rig::id(1) ? EvidenceSet(Evidence::kPanic) : EvidenceSet();
  };
  rig[1].accuse(Rig::id(1), Evidence::kPanic, rig.now);
  rig.run();
  EXPECT_EQ(rig[0].view().members, set({0}));
  EXPECT_FALSE(rig[1].is_member());
}

TEST(Agreement, HalfDecidesOnlyWhenTheOtherHalfIsProvenOver) {
  Rig rig(4);
  rig.kill(2);
  rig.kill(3);
  rig[0].accuse(Rig::id(2), Evidence::kMonitorDeath, rig.now);
  rig.run();
  rig.pass(4 * Settings().round);
  EXPECT_EQ(rig[0].agreed().slot, 1U) << "nobody has looked at 3 yet";
  EXPECT_GT(rig.port(0).stalls, 0U);
  rig[0].accuse(Rig::id(3), Evidence::kMonitorDeath, rig.now);
  rig.run();
  rig.pass(20 * Settings().round);
  EXPECT_EQ(rig[0].view().members, set({0, 1}));
  EXPECT_EQ(rig[1].view().members, set({0, 1}));
}

TEST(Agreement, AMinorityDecidesNothing) {
  Rig rig(5);
  rig.finds = [](unsigned, CellId) { return EvidenceSet(Evidence::kNoAnswer); };
  for (const unsigned cell : {2U, 3U, 4U}) rig.kill(cell);
  for (const unsigned cell : {2U, 3U, 4U})
    rig[0].accuse(Rig::id(cell), Evidence::kLinkLost, rig.now);
  rig.run();
  rig.pass(100 * Settings().round);
  EXPECT_EQ(rig[0].agreed().slot, 1U);
  EXPECT_EQ(rig[1].agreed().slot, 1U);
}

TEST(Agreement, NobodyLeftIsNoOutcome) {
  Rig rig(3);
  rig.finds = [](unsigned, CellId) { return EvidenceSet(Evidence::kPanic); };
  for (const unsigned cell : {0U, 1U, 2U})
    rig[cell].accuse(Rig::id(cell), Evidence::kPanic, rig.now);
  rig.run();
  rig.pass(20 * Settings().round);
  unsigned members = 0;
  for (const unsigned cell : {0U, 1U, 2U}) {
    if (!rig[cell].is_member()) continue;
    ++members;
    EXPECT_EQ(rig[cell].view().incarnations[cell], 2U);
  }
  EXPECT_EQ(members, 1U);
}

TEST(Agreement, LetsARestartedMonitorIn) {
  Rig rig(3);
  rig.kill(1);
  rig[0].accuse(Rig::id(1), Evidence::kMonitorDeath, rig.now);
  rig.run();
  rig.ports[1] = std::make_unique<Recorder>();
  rig.monitors[1] = std::make_unique<Agreement>(Settings{Rig::id(1), 0}, *rig.ports[1]);
  rig.dead[1] = false;
  rig.link_all();
  rig[1].join(7, rig.now);
  rig.run();
  EXPECT_TRUE(rig[1].is_member());
  for (unsigned cell = 0; cell < 3; ++cell) {
    EXPECT_EQ(rig[cell].view().epoch, 3U);
    EXPECT_EQ(rig[cell].view().incarnations[1], 2U);
    EXPECT_EQ(rig[cell].view().lives[1], 7U);
  }
}

TEST(Agreement, AsksWhatItMissedWhenItLearnsThatItIsIn) {
  Recorder port;
  Agreement agreement({Rig::id(2), 0}, port);
  agreement.link_up(Rig::id(0), 0);
  agreement.link_up(Rig::id(1), 0);
  agreement.join(7, 0);
  State state;
  state.agreed.slot = 4;
  state.agreed.view = founding_view(set({0, 1, 2}));
  state.agreed.view.lives[2] = 7;
  state.header = {Kind::kState, Rig::id(0), {}, kFounder, 4};
  port.sent.clear();
  agreement.receive(Rig::id(0), state, 1);
  EXPECT_TRUE(agreement.is_member());
  ASSERT_EQ(port.sent.size(), 2U);
  for (const auto& sent : port.sent) EXPECT_TRUE(std::holds_alternative<Ask>(sent.message));
}

TEST(Agreement, ALifeThatCameAndWentIsSpent) {
  Recorder port;
  Agreement agreement({Rig::id(2), 0}, port);
  agreement.link_up(Rig::id(0), 0);
  agreement.join(7, 0);
  State state;
  state.agreed.slot = 5;
  state.agreed.view = founding_view(set({0, 1}));
  state.agreed.view.lives[2] = 7;
  state.header = {Kind::kState, Rig::id(0), {}, kFounder, 5};
  agreement.receive(Rig::id(0), state, 1);
  EXPECT_FALSE(agreement.is_member());
  EXPECT_FALSE(agreement.is_joining());
}

TEST(Agreement, ALaterLifeFirstPutsTheEarlierOneOut) {
  Rig rig(3);
  rig.ports[1] = std::make_unique<Recorder>();
  rig.monitors[1] = std::make_unique<Agreement>(Settings{Rig::id(1), 0}, *rig.ports[1]);
  rig.link_all();
  rig[1].join(7, rig.now);
  rig.run();
  EXPECT_TRUE(rig[1].is_member());
  EXPECT_EQ(rig[0].view().epoch, 3U);
  EXPECT_EQ(rig[0].view().lives[1], 7U);
}

TEST(Agreement, AnEarlierLifesJoinChangesNothing) {
  Rig rig(3);
  Join join;
  join.header = {Kind::kJoin, Rig::id(1), {}, kFounder, 0};
  rig[0].receive(Rig::id(1), join, rig.now);
  join.header.life = 0;
  EXPECT_FALSE(parse_message(as_bytes(join)));
  rig.run();
  EXPECT_FALSE(rig[0].is_active());
  EXPECT_EQ(rig[0].agreed().slot, 1U);
}

TEST(Agreement, AcceptsNothingInAnEarlierBallotThanPromised) {
  Recorder port;
  Agreement agreement({Rig::id(3)}, founding_view(set({0, 1, 2, 3})), port);
  Alert alert;
  alert.header = {Kind::kAlert, Rig::id(1), {}, kFounder, 1};
  alert.ballot = 2;
  agreement.receive(Rig::id(1), alert, 0);
  Propose propose;
  propose.header = {Kind::kPropose, Rig::id(0), {}, kFounder, 1};
  propose.ballot = 1;
  propose.decision.evicted = set({2});
  port.sent.clear();
  agreement.receive(Rig::id(0), propose, 0);
  ASSERT_EQ(port.sent.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<Alert>(port.sent[0].message));
}

TEST(Agreement, SuspectsMayLeadOnceTimeIsUp) {
  Recorder port;
  Agreement agreement({Rig::id(1)}, founding_view(set({0, 1, 2, 3})), port);
  for (const unsigned peer : {0U, 2U, 3U}) agreement.link_up(Rig::id(peer), 0);
  Alert alert;
  alert.header = {Kind::kAlert, Rig::id(3), {}, kFounder, 1};
  alert.ballot = 4;
  alert.suspects = set({0, 1, 2});
  agreement.receive(Rig::id(3), alert, 0);
  EXPECT_EQ(agreement.ballot(), 4U);
  agreement.tick(agreement.deadline());
  EXPECT_EQ(agreement.ballot(), 5U);
}

TEST(Agreement, RepeatedAccusationsDoNotPutOffTheNextBallot) {
  Rig rig(3);
  rig.kill(0);
  rig.kill(2);
  for (unsigned again = 0; again < 50; ++again) {
    for (const unsigned cell : {0U, 1U, 2U})
      rig[1].accuse(Rig::id(cell), Evidence::kLinkLost, rig.now);
    rig.pass(Settings().round / 2);
  }
  EXPECT_GE(rig.port(1).stalls, 4U);
}

TEST(Agreement, TheWitnessVotesAndLeadsLast) {
  Rig rig(3, set({0}));
  EXPECT_EQ(leader_of(rig[1].view(), 1), Rig::id(1));
  EXPECT_EQ(leader_of(rig[1].view(), 3), Rig::id(0));
  EXPECT_EQ(recovery_coordinator(rig[1].view()), Rig::id(1));
  rig.kill(2);
  rig[1].accuse(Rig::id(2), Evidence::kMonitorDeath, rig.now);
  rig.run();
  EXPECT_EQ(rig[0].view().members, set({0, 1}));
}

TEST(Agreement, IgnoresWhatIsNotFromItsSender) {
  Rig rig(3);
  Alert alert;
  alert.header = {Kind::kAlert, Rig::id(2), {}, kFounder, 1};
  alert.ballot = 1;
  alert.suspects = set({0});
  rig[0].receive(Rig::id(1), alert, rig.now);
  alert.header.life = 5;
  rig[0].receive(Rig::id(2), alert, rig.now);
  EXPECT_EQ(rig[0].ignored(), 2U);
  EXPECT_FALSE(rig[0].is_active());
}

}  // namespace
}  // namespace hive::agree
