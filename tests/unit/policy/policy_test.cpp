#include "policy/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "policy/check.h"
#include "policy/permille.h"
#include "tests/unit/policy/any_view.h"
#include "tests/unit/policy/simulated_memory.h"
#include "tests/unit/policy/views.h"
#include "vmm/base/ids.h"
#include "vmm/base/random.h"

namespace hive::policy {

// examples/policy/favour.cpp
void favour(const View& view, Hints& hints);

namespace {

static_assert(policy::kMaxCells == hive::kMaxCells);

/// All policies, and the example.
std::vector<Policy> all_policies() {
  std::vector<Policy> all(policies().begin(), policies().end());
  all.push_back({"favour", "the example", favour});
  return all;
}

/// Any numbers at all, though small ones often.
View absurd_view(Random& random) {
  return any_view([&] {
    const std::uint64_t drawn = random.next();
    return static_cast<std::uint32_t>(drawn >> (32 + (drawn & 31U)));
  });
}

TEST(Policies, AreFoundByName) {
  std::set<std::string_view> names;
  for (const Policy& policy : policies()) {
    EXPECT_TRUE(names.insert(policy.name).second);
    EXPECT_EQ(find(policy.name), &policy);
    EXPECT_FALSE(policy.summary.empty());
  }
  EXPECT_THAT(names, testing::ElementsAre("balance", "cpu", "memory", "none", "placement"));
  EXPECT_EQ(find("wax"), nullptr);
  EXPECT_EQ(find(""), nullptr);
}

TEST(Policies, AdviseWhatCanBeFollowedWhateverTheySee) {
  Random random(7);
  std::set<std::string_view> talked;
  for (unsigned i = 0; i < 2000; ++i) {
    const View view = absurd_view(random);
    for (const Policy& policy : all_policies()) {
      if (!advice(policy.decide, view).empty()) talked.insert(policy.name);
      ASSERT_EQ(fault_of_advice(policy.decide, view), "") << policy.name << " view " << i;
    }
  }
  EXPECT_THAT(talked, testing::ElementsAre("balance", "cpu", "favour", "memory", "placement"));
}

TEST(Policies, AreFunctionsOfTheView) {
  Random random(8);
  for (unsigned i = 0; i < 200; ++i) {
    const View view = absurd_view(random);
    for (const Policy& policy : all_policies()) {
      EXPECT_EQ(advice(policy.decide, view), advice(policy.decide, view));
    }
  }
}

TEST(Policies, NoneAdvisesNothing) {
  Random random(9);
  for (unsigned i = 0; i < 100; ++i) {
    EXPECT_TRUE(advice(find("none")->decide, absurd_view(random)).empty());
  }
}

TEST(Policies, BalanceIsAllOfThem) {
  Random random(10);
  for (unsigned i = 0; i < 100; ++i) {
    const View view = absurd_view(random);
    std::vector<Hint> all;
    for (const char* name : {"cpu", "memory", "placement"}) {
      for (const Hint& hint : advice(find(name)->decide, view)) all.push_back(hint);
    }
    all.resize(std::min<std::size_t>(all.size(), Hints::kCapacity));
    EXPECT_EQ(advice(find("balance")->decide, view), all);
  }
}

TEST(Policies, TheExampleFavoursOneCell) {
  CellModel idle;
  idle.programs = steady(20);
  CellModel favoured;
  favoured.programs = steady(100);
  SimulatedMemory machine({favoured, idle, idle}, favour);
  machine.run(50);
  EXPECT_GE(machine.borrowed(0), 40U);
  EXPECT_GE(machine.available_permille(0), 500U);
  EXPECT_EQ(machine.complaint(), "");
}

TEST(Hints, AddUpBlocksOfAPairAndKeepToTheirCapacity) {
  Hints hints;
  EXPECT_TRUE(hints.lend(1, 2, 3));
  EXPECT_TRUE(hints.lend(2, 1, 3));
  EXPECT_TRUE(hints.lend(1, 2, 4));
  EXPECT_FALSE(hints.lend(1, 2, 0xffff'ffff)) << "more than can be counted";
  ASSERT_EQ(hints.size(), 2U);
  EXPECT_EQ(hints.begin()->amount, 7U);
  while (!hints.full()) EXPECT_TRUE(hints.weight(1, 100));
  EXPECT_EQ(hints.size(), Hints::kCapacity);
  EXPECT_FALSE(hints.weight(1, 100));
  EXPECT_FALSE(hints.give_back(1, 2, 1));
  EXPECT_TRUE(hints.lend(2, 1, 1)) << "needs no room";
  hints.clear();
  EXPECT_EQ(hints.size(), 0U);
}

TEST(Check, NamesWhatIsWrongWithAHint) {
  View view = quiet_view(2);
  view.cells[1].memory.room_blocks = 85;
  const auto fault = [&](const Hint& hint) { return std::string(fault_of(hint, view)); };
  EXPECT_EQ(fault({HintKind::kLend, 0, 1, 80}), "");
  EXPECT_THAT(fault({HintKind::kLend, 0, 1, 81}), testing::HasSubstr("reserve"));
  EXPECT_THAT(fault({HintKind::kLend, 0, 1, 0}), testing::HasSubstr("no blocks"));
  EXPECT_THAT(fault({HintKind::kLend, 0, 0, 1}), testing::HasSubstr("own peer"));
  EXPECT_THAT(fault({HintKind::kLend, 2, 0, 1}), testing::HasSubstr("no such cell"));
  EXPECT_THAT(fault({HintKind::kLend, 0, 200, 1}), testing::HasSubstr("no such peer"));
  view.cells[0].memory.reserve_blocks = 0;
  EXPECT_THAT(fault({HintKind::kLend, 0, 1, 86}), testing::HasSubstr("room"));
  view.loans[1][0] = 5;
  EXPECT_EQ(fault({HintKind::kGiveBack, 0, 1, 5}), "");
  EXPECT_THAT(fault({HintKind::kGiveBack, 0, 1, 6}), testing::HasSubstr("more than was lent"));
  EXPECT_THAT(fault({HintKind::kGiveBack, 1, 0, 1}), testing::HasSubstr("more than was lent"));
  for (const std::uint32_t weight : {100U, 400U}) {
    EXPECT_EQ(fault({HintKind::kWeight, 0, kNoCell, weight}), "");
  }
  for (const std::uint32_t weight : {0U, 99U, 401U}) {
    EXPECT_THAT(fault({HintKind::kWeight, 0, kNoCell, weight}), testing::HasSubstr("weight"));
  }
  view.cells[0].cpu.usual_weight = 3000;
  EXPECT_EQ(fault({HintKind::kWeight, 0, kNoCell, 10'000}), "");
  EXPECT_THAT(fault({HintKind::kWeight, 0, kNoCell, 10'001}), testing::HasSubstr("weight"));
  EXPECT_EQ(fault({HintKind::kPlace, 1}), "");
  EXPECT_THAT(fault({HintKind::kMove, 0, 1, 0, 3}), testing::HasSubstr("no such section"));
  view.section_count = 1;
  view.sections[0].home = 0;
  view.sections[0].number = 3;
  view.sections[0].blocks = 2;
  EXPECT_THAT(fault({HintKind::kMove, 0, 1, 0, 3}), testing::HasSubstr("no room"));
  view.cells[1].unused_blocks = 2;
  EXPECT_EQ(fault({HintKind::kMove, 0, 1, 0, 3}), "");
  view.sections[0].moving = true;
  EXPECT_THAT(fault({HintKind::kMove, 0, 1, 0, 3}), testing::HasSubstr("being moved"));
  EXPECT_THAT(fault({static_cast<HintKind>(9), 0, 1, 1}), testing::HasSubstr("no such kind"));
}

TEST(Permille, IsRightAtItsEnds) {
  constexpr std::uint64_t kMost = ~std::uint64_t{0};
  EXPECT_EQ(permille(0, 0), 0U);
  EXPECT_EQ(permille(1, 0), 0U);
  EXPECT_EQ(permille(1, 3), 333U);
  EXPECT_EQ(permille(5, 3), 1000U);
  EXPECT_EQ(permille(kMost / 2, kMost), 499U);
  EXPECT_EQ(permille(kMost / 3 + 1, kMost), 333U);
  EXPECT_EQ(permille(1, kMost), 0U);
  EXPECT_EQ(per_second(3, 2'000'000'000), 1U);
  EXPECT_EQ(per_second(3, 0), 0U);
  EXPECT_EQ(per_second(kMost, 1), kMost);
  EXPECT_EQ(sum(kMost, 1), kMost);
  EXPECT_EQ(blocks_of(kBlockBytes * 3 - 1), 2U);
  EXPECT_EQ(blocks_of(kMost), 0xffff'ffffU);
}

}  // namespace
}  // namespace hive::policy
