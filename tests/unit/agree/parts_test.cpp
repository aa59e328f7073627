// The small parts: quorums, ballots, promises, decisions, counting.
#include <gtest/gtest.h>

#include "cellmon/agree/acceptor.h"
#include "cellmon/agree/quorum.h"
#include "cellmon/agree/tally.h"
#include "cellmon/agree/view.h"

namespace hive::agree {
namespace {

constexpr CellId id(unsigned index) { return CellId{static_cast<std::uint8_t>(index)}; }

TEST(Quorum, IsMoreThanHalf) {
  for (unsigned members = 1; members <= 10; ++members) {
    const CellSet all((1U << members) - 1);
    for (std::uint64_t voters = 0; voters <= all.bits(); ++voters) {
      EXPECT_EQ(is_quorum(all, CellSet(voters), {}), CellSet(voters).size() > members / 2);
    }
  }
}

TEST(Quorum, ProvenHalfNeedsEachOnesProofOfAllOthers) {
  const CellSet all(0b1111);
  const CellSet half(0b0011);
  Proofs proofs{};
  proofs[0] = CellSet(0b1100);
  EXPECT_FALSE(is_quorum(all, half, proofs));
  proofs[1] = CellSet(0b0100);
  EXPECT_FALSE(is_quorum(all, half, proofs));
  proofs[1] = CellSet(0b1100);
  EXPECT_TRUE(is_quorum(all, half, proofs));
  EXPECT_FALSE(is_quorum(all, CellSet(0b0001), proofs)) << "less than half";
  EXPECT_FALSE(is_quorum(CellSet(0b111), CellSet(1), proofs)) << "no half of three";
}

/// Any two quorums that can ever act share a voter: proof of death is true, and who is proven over
/// never acts again.
TEST(Quorum, AnyTwoThatCanActMeet) {
  const CellSet all(0b111111);
  for (std::uint64_t a = 0; a < 64; ++a) {
    for (std::uint64_t b = 0; b < 64; ++b) {
      Proofs proofs_a;
      Proofs proofs_b;
      proofs_a.fill(all - CellSet(a));
      proofs_b.fill(all - CellSet(b));
      if (!is_quorum(all, CellSet(a), proofs_a) || !is_quorum(all, CellSet(b), proofs_b)) continue;
      const bool each_proves_the_other_over =
          CellSet(a).size() == 3 && CellSet(b) == all - CellSet(a);
      EXPECT_TRUE(CellSet(a).meets(CellSet(b)) || each_proves_the_other_over);
    }
  }
}

TEST(View, LeadersTakeTurnsAndThePreferredAreNotSkipped) {
  const View view = founding_view(CellSet(0b10110), CellSet(0b00010));
  EXPECT_EQ(leader_of(view, 1), id(2));
  EXPECT_EQ(leader_of(view, 2), id(4));
  EXPECT_EQ(leader_of(view, 3), id(1));
  EXPECT_EQ(leader_of(view, 4), id(2));
  EXPECT_EQ(next_ballot(view, 1, CellSet::of(id(2))), 2U);
  EXPECT_EQ(next_ballot(view, 2, CellSet(0b10010)), 4U);
  EXPECT_EQ(next_ballot(view, 2, view.members), 2U);
}

TEST(Acceptor, KeepsItsPromises) {
  Acceptor acceptor;
  Decision first;
  first.cleared = CellSet(1);
  EXPECT_TRUE(acceptor.promise(3));
  EXPECT_FALSE(acceptor.promise(2));
  EXPECT_FALSE(acceptor.accept(2, first));
  EXPECT_EQ(acceptor.accepted_ballot(), 0U);
  EXPECT_TRUE(acceptor.accept(5, first));
  EXPECT_EQ(acceptor.promised(), 5U);
  EXPECT_TRUE(acceptor.promise(6));
  EXPECT_EQ(acceptor.accepted_ballot(), 5U);
  EXPECT_EQ(acceptor.accepted(), first);
}

Opinion finds(CellSet judged, CellSet failed, EvidenceSet evidence) {
  Opinion opinion;
  opinion.judged = judged;
  opinion.failed = failed;
  failed.for_each([&](CellId cell) { opinion.evidence[index_of(cell)] = evidence; });
  return opinion;
}

Agreed of(CellSet members) {
  Agreed agreed;
  agreed.view = founding_view(members);
  return agreed;
}

TEST(Tally, OneAccuserAmongManyDecidesNothing) {
  for (unsigned members = 3; members <= 16; ++members) {
    const Agreed agreed = of(CellSet((1U << members) - 1));
    Tally tally;
    const CellSet suspect = CellSet::of(id(members - 1));
    for (unsigned voter = 0; voter < members - 1; ++voter) {
      Opinion opinion = finds(suspect, voter == 0 ? suspect : CellSet(), Evidence::kHeartbeat);
      opinion.accused = opinion.failed;
      tally.count(id(voter), opinion);
    }
    const Decision decision = tally.decide(agreed, id(0));
    EXPECT_FALSE(decision.changes_view());
    EXPECT_EQ(decision.cleared, suspect);
    EXPECT_EQ(decision.accuser, id(0));
    EXPECT_TRUE(can_follow(agreed, decision));
  }
}

TEST(Tally, WhatMayHaveBeenDecidedGoesFirst) {
  const Agreed agreed = of(CellSet(0b111));
  Tally tally;
  Opinion with_old = finds(CellSet(4), CellSet(4), Evidence::kHeartbeat);
  with_old.accepted_ballot = 1;
  with_old.accepted.evicted = CellSet(1);
  Opinion with_newer = with_old;
  with_newer.accepted_ballot = 3;
  with_newer.accepted = Decision();
  with_newer.accepted.evicted = CellSet(2);
  tally.count(id(0), with_old);
  tally.count(id(1), with_newer);
  tally.count(id(2), with_old);
  EXPECT_EQ(tally.decide(agreed, id(0)), with_newer.accepted);
}

TEST(Tally, WhatTooFewHaveJudgedStaysOpen) {
  const Agreed agreed = of(CellSet(0b1111));
  Tally tally;
  tally.count(id(0), finds(CellSet(0b0110), CellSet(0b0110), Evidence::kNoAnswer));
  tally.count(id(1), finds(CellSet(0b0010), CellSet(0b0010), Evidence::kNoAnswer));
  tally.count(id(3), finds(CellSet(0b0110), CellSet(0b0010), Evidence::kNoAnswer));
  const Decision decision = tally.decide(agreed, id(0));
  EXPECT_EQ(decision.evicted, CellSet(0b0010));
  EXPECT_TRUE(decision.cleared.empty());
}

TEST(Tally, NamesTheAccuserThatWasStruckBefore) {
  Agreed agreed = of(CellSet(0b1111));
  agreed.struck[2] = CellSet(0b1000);
  Tally tally;
  for (unsigned voter = 0; voter < 4; ++voter) {
    Opinion opinion = finds(CellSet(0b1000), CellSet(), {});
    if (voter == 0 || voter == 2) {
      opinion = finds(CellSet(0b1000), CellSet(0b1000), Evidence::kHeartbeat);
      opinion.accused = opinion.failed;
    }
    tally.count(id(voter), opinion);
  }
  const Decision decision = tally.decide(agreed, id(1));
  EXPECT_EQ(decision.accuser, id(2));
  EXPECT_EQ(after(agreed, decision).on_trial, CellSet(0b0100));
}

TEST(Decision, ANewIncarnationStartsWithACleanSlate) {
  Agreed agreed = of(CellSet(0b1111));
  agreed.struck[1] = CellSet(0b0100);
  agreed.struck[2] = CellSet(0b0010);
  Decision leaves;
  leaves.evicted = CellSet(0b0010);
  agreed = after(agreed, leaves);
  EXPECT_TRUE(agreed.struck[1].empty());
  EXPECT_TRUE(agreed.struck[2].empty());
  Decision joins;
  joins.joiner = id(1);
  joins.joiner_life = 9;
  ASSERT_TRUE(can_follow(agreed, joins));
  agreed = after(agreed, joins);
  EXPECT_EQ(agreed.view.incarnations[1], 2U);
  EXPECT_EQ(agreed.view.epoch, 3U);
  EXPECT_FALSE(can_follow(agreed, joins)) << "it is in already";
  leaves.evicted = agreed.view.members;
  EXPECT_FALSE(can_follow(agreed, leaves)) << "nobody would be left";
}

}  // namespace
}  // namespace hive::agree
