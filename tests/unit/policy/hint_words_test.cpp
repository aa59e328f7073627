#include "policy/hint_words.h"

#include <gtest/gtest.h>

#include <array>

namespace hive::policy {
namespace {

constexpr Author kAuthor{9, 7};

Hints one_of_each() {
  Hints hints;
  hints.lend(1, 2, 3);
  hints.give_back(2, 1, ~0U);
  hints.weight(0, 10'000);
  hints.place(63);
  hints.move(1, 5, 2);
  return hints;
}

TEST(HintWords, SayWhatAHintSays) {
  const hive_wax_hint words = words_of(*one_of_each().begin(), kAuthor);
  EXPECT_EQ(words.epoch, 9U);
  EXPECT_EQ(words.incarnation, 7U);
  EXPECT_EQ(words.kind, static_cast<std::uint32_t>(HIVE_WAX_LEND));
  EXPECT_EQ(words.cell, 1U);
  EXPECT_EQ(words.peer, 2U);
  EXPECT_EQ(words.amount, 3U);
  EXPECT_EQ(words.section, 0U);
}

TEST(HintWords, AreReadAsTheyWereMeant) {
  const Hints hints = one_of_each();
  ASSERT_EQ(hints.size(), 5U);
  for (const Hint& hint : hints) {
    Hint again;
    EXPECT_TRUE(read_hint(words_of(hint, kAuthor), again));
    EXPECT_EQ(again, hint);
  }
}

TEST(HintWords, AreNotReadWhereTheyMakeNoSense) {
  const Hint before{HintKind::kWeight, 1, kNoCell, 2};
  const std::array<hive_wax_hint, 10> bad{{{9, 7, 0, 1, 2, 3, 0},
                                           {9, 7, 6, 1, 2, 3, 0},
                                           {9, 7, HIVE_WAX_LEND, 64, 2, 3, 0},
                                           {9, 7, HIVE_WAX_LEND, 1, 64, 3, 0},
                                           {9, 7, HIVE_WAX_LEND, 1, 0x102, 3, 0},
                                           {9, 7, HIVE_WAX_LEND, 1, 2, 3, 1},
                                           {9, 7, HIVE_WAX_WEIGHT, 1, 2, 3, 0},
                                           {9, 7, HIVE_WAX_PLACE, 1, kNoCell, 3, 0},
                                           {9, 7, HIVE_WAX_MOVE, 1, 2, 3, 1},
                                           {9, 7, HIVE_WAX_MOVE, 1, kNoCell, 0, 1}}};
  for (const hive_wax_hint& words : bad) {
    Hint hint = before;
    EXPECT_FALSE(read_hint(words, hint)) << &words - bad.data();
    EXPECT_EQ(hint, before);
  }
}

}  // namespace
}  // namespace hive::policy
