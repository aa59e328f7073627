// Which hints get through, and why others do not.
#include "cellmon/sharing/hint_gate.h"

#include <gtest/gtest.h>

#include <set>
#include <variant>

namespace hive::sharing {
namespace {

constexpr CellId kSelf{1};
constexpr CellId kWax{3};
constexpr policy::Author kAuthor{7, 2};
constexpr agree::Time kSecond = 1'000'000'000;

class HintGateTest : public testing::Test {
 protected:
  HintGateTest() { gate_.set_author(kWax, kAuthor); }

  /// Why HINT of AUTHOR is refused; nothing where it is not.
  std::optional<Reason> check(const policy::Hint& hint, const policy::Author& author = kAuthor,
                              CellId from = kWax) {
    return check(words_of(hint, author), from);
  }
  std::optional<Reason> check(const hive_wax_hint& words, CellId from = kWax) {
    const auto result = gate_.check(from, words, now_);
    if (const auto* hint = std::get_if<policy::Hint>(&result)) {
      policy::Hint same;
      EXPECT_TRUE(policy::read_hint(words, same));
      EXPECT_EQ(*hint, same);
      return std::nullopt;
    }
    const auto& refusal = std::get<Refusal>(result);
    EXPECT_FALSE(refusal.text.empty());
    return refusal.reason;
  }

  static policy::Hint lend(unsigned cell, unsigned peer, std::uint32_t amount) {
    return {policy::HintKind::kLend, static_cast<policy::Cell>(cell),
            static_cast<policy::Cell>(peer), amount};
  }
  static policy::Hint weight(std::uint32_t amount) {
    return {policy::HintKind::kWeight, 1, policy::kNoCell, amount};
  }

  HintGate gate_{kSelf};
  agree::Time now_ = 5 * kSecond;
};

TEST_F(HintGateTest, LetsThroughWhatIsTheAuthorsAndForThisCell) {
  EXPECT_EQ(check(lend(1, 2, 5)), std::nullopt);
  EXPECT_EQ(check({policy::HintKind::kGiveBack, 1, 0, 5}), std::nullopt);
  EXPECT_EQ(check(weight(10'000)), std::nullopt);
  EXPECT_EQ(check({policy::HintKind::kMove, 1, 2, 0, 9}), std::nullopt);
  // Where new sections go concerns everybody.
  EXPECT_EQ(check({policy::HintKind::kPlace, 2}), std::nullopt);
  EXPECT_EQ(gate_.passed(), 5U);
}

TEST_F(HintGateTest, RefusesOtherAuthors) {
  EXPECT_EQ(check(lend(1, 2, 5), {8, 2}), Reason::kStaleEpoch);
  EXPECT_EQ(check(lend(1, 2, 5), {6, 2}), Reason::kStaleEpoch);
  EXPECT_EQ(check(lend(1, 2, 5), {7, 1}), Reason::kStaleIncarnation);
  EXPECT_EQ(check(lend(1, 2, 5), kAuthor, CellId{2}), Reason::kNotThePolicy);
  gate_.set_author(kWax, {8, 3});
  EXPECT_EQ(check(lend(1, 2, 5), {8, 3}), std::nullopt);
  gate_.clear_author();
  EXPECT_EQ(check(lend(1, 2, 5), {8, 3}), Reason::kNotThePolicy);
  EXPECT_EQ(gate_.refused().of(Reason::kStaleEpoch), 2U);
  EXPECT_EQ(gate_.refused().of(Reason::kStaleIncarnation), 1U);
  EXPECT_EQ(gate_.refused().of(Reason::kNotThePolicy), 2U);
}

TEST_F(HintGateTest, RefusesWhatIsMalformedElsewhereOrOutOfRange) {
  EXPECT_EQ(check(hive_wax_hint{}), Reason::kMalformed);
  hive_wax_hint words = words_of(lend(1, 2, 5), kAuthor);
  words.section = 1;
  EXPECT_EQ(check(words), Reason::kMalformed);
  EXPECT_EQ(check(lend(2, 1, 5)), Reason::kNotMine);
  EXPECT_EQ(check(lend(1, 2, 0)), Reason::kRange);
  EXPECT_EQ(check(lend(1, 1, 5)), Reason::kRange);
  EXPECT_EQ(check(weight(0)), Reason::kRange);
  EXPECT_EQ(check(weight(10'001)), Reason::kRange);
}

TEST_F(HintGateTest, LetsThroughNoMoreThanItsRate) {
  const auto passes = [this](const policy::Hint& hint) {
    unsigned count = 0;
    for (unsigned i = 0; i < 1000; ++i) count += check(hint) ? 0 : 1;
    return count;
  };
  EXPECT_EQ(passes(weight(100)), HintGate::kWeightBurst);
  EXPECT_EQ(passes(lend(1, 2, 5)), HintGate::kBurst - HintGate::kWeightBurst);
  now_ += kSecond;
  EXPECT_EQ(passes(weight(100)), HintGate::kWeightRate);
  EXPECT_EQ(passes(lend(1, 2, 5)), HintGate::kRate - HintGate::kWeightRate);
  now_ += 1000 * kSecond;
  EXPECT_EQ(passes(lend(1, 2, 5)), HintGate::kBurst);
  EXPECT_GT(gate_.refused().of(Reason::kTooMany), 4000U);
}

TEST_F(HintGateTest, TakesNoTurnForWhatIsWrongAnyway) {
  for (unsigned i = 0; i < 1000; ++i) check(lend(1, 2, 0));
  EXPECT_EQ(check(lend(1, 2, 5)), std::nullopt);
}

TEST_F(HintGateTest, TakesNoTurnOfAKindWhereThereAreTooManyInAll) {
  for (unsigned i = 0; i < HintGate::kBurst; ++i) EXPECT_EQ(check(lend(1, 2, 5)), std::nullopt);
  for (unsigned i = 0; i < 100; ++i) EXPECT_EQ(check(weight(100)), Reason::kTooMany);
  now_ += kSecond / HintGate::kRate;
  EXPECT_EQ(check(weight(100)), std::nullopt);
}

TEST(Reasons, HaveNamesOfTheirOwn) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kReasons; ++i) names.insert(to_string(static_cast<Reason>(i)));
  EXPECT_EQ(names.size(), kReasons);
  EXPECT_FALSE(names.contains("unknown"));
  EXPECT_EQ(to_string(Reason::kStaleEpoch), "stale-epoch");
}

}  // namespace
}  // namespace hive::sharing
