#include "cellmon/agree/message.h"

#include <gtest/gtest.h>

#include <string>

namespace hive::agree {
namespace {

Header header(Kind kind) { return {kind, CellId{2}, {}, kFounder, 3}; }

Vote sound_vote() {
  Vote vote;
  vote.header = header(Kind::kVote);
  vote.ballot = 4;
  vote.opinion.judged = CellSet(0b1100);
  vote.opinion.failed = CellSet(0b0100);
  vote.opinion.evidence[2] = Evidence::kPanic;
  return vote;
}

bool parses(const Message& message) { return parse_message(as_bytes(message)).has_value(); }

TEST(Message, ComesBackAsItWas) {
  const Message vote = sound_vote();
  const auto again = parse_message(as_bytes(vote));
  ASSERT_TRUE(again);
  EXPECT_EQ(as_bytes(*again), as_bytes(vote));
  State state;
  state.header = header(Kind::kState);
  state.agreed.slot = 3;
  state.agreed.view = founding_view(CellSet(7));
  EXPECT_TRUE(parses(state));
}

TEST(Message, WrongSizesAndKindsAreNone) {
  const std::string bytes(as_bytes(Message(sound_vote())));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(parse_message(std::string_view(bytes).substr(0, size)));
  }
  EXPECT_FALSE(parse_message(bytes + "x"));
  std::string other = bytes;
  other[0] = 0x7f;
  EXPECT_FALSE(parse_message(other));
}

TEST(Message, VotesThatContradictThemselvesAreNone) {
  EXPECT_TRUE(parses(sound_vote()));
  Vote vote = sound_vote();
  vote.opinion.failed.insert(CellId{5});
  EXPECT_FALSE(parses(vote)) << "failed, not judged";
  vote = sound_vote();
  vote.opinion.evidence[2] = {};
  EXPECT_FALSE(parses(vote)) << "failed without evidence";
  vote = sound_vote();
  vote.opinion.evidence[3] = Evidence::kPanic;
  EXPECT_FALSE(parses(vote)) << "evidence against a healthy one";
  vote = sound_vote();
  vote.opinion.accused = CellSet(0b1000);
  EXPECT_FALSE(parses(vote)) << "accused, found healthy";
  vote = sound_vote();
  vote.opinion.joiner = CellId{1};
  EXPECT_FALSE(parses(vote)) << "a joiner without life";
  vote = sound_vote();
  vote.opinion.accepted_ballot = 5;
  EXPECT_FALSE(parses(vote)) << "accepted in a later ballot";
  vote = sound_vote();
  vote.ballot = 0;
  EXPECT_FALSE(parses(vote));
  vote.ballot = kMaxBallot + 1;
  EXPECT_FALSE(parses(vote));
  vote = sound_vote();
  vote.header.from = CellId{64};
  EXPECT_FALSE(parses(vote));
}

TEST(Message, DecisionsThatContradictThemselvesAreNone) {
  Decided decided;
  decided.header = header(Kind::kDecided);
  EXPECT_TRUE(parses(decided)) << "nothing to do";
  decided.decision.evicted = decided.decision.cleared = CellSet(1);
  EXPECT_FALSE(parses(decided)) << "goes and stays";
  decided.decision = {};
  decided.decision.cleared = decided.decision.accused = CellSet(4);
  EXPECT_FALSE(parses(decided)) << "accused by nobody";
  decided.decision.accuser = CellId{2};
  EXPECT_FALSE(parses(decided)) << "accuses itself";
  decided.decision.accuser = CellId{1};
  EXPECT_TRUE(parses(decided));
  decided.decision.joiner = CellId{9};
  decided.decision.joiner_life = 4;
  EXPECT_FALSE(parses(decided)) << "joins while others are on trial";
}

TEST(Message, StatesThatCannotBeAreNone) {
  State state;
  state.header = header(Kind::kState);
  state.agreed.slot = 3;
  state.agreed.view = founding_view(CellSet(7));
  State other = state;
  other.agreed.view.members.insert(CellId{8});
  EXPECT_FALSE(parses(other)) << "a member that never lived";
  other = state;
  other.agreed.view.members = CellSet();
  EXPECT_FALSE(parses(other));
  other = state;
  other.agreed.view.epoch = 4;
  EXPECT_FALSE(parses(other)) << "more views than decisions";
  other = state;
  other.agreed.slot = 4;
  EXPECT_FALSE(parses(other)) << "not the header's slot";
}

}  // namespace
}  // namespace hive::agree
