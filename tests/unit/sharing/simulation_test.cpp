// Whatever happens, no memory is used twice; once things are right again, all accounts agree, and
// what is recalled comes home.
#include <gtest/gtest.h>

#include "tests/unit/sharing/world.h"

namespace hive::sharing {
namespace {

constexpr agree::Time kSecond = 1'000'000'000;

void pass(World& world, agree::Time time) {
  const agree::Time end = world.now() + time;
  while (world.now() < end && world.complaint().empty()) world.quiet_step(400);
}

class LoansSimulation : public testing::TestWithParam<std::uint64_t> {};

TEST_P(LoansSimulation, UsesNoMemoryTwiceAndComesToRest) {
  World world(GetParam());
  pass(world, 2 * kSecond);
  for (unsigned step = 0; step < 300 && world.complaint().empty(); ++step) world.chaos_step();
  ASSERT_EQ(world.complaint(), "");
  EXPECT_EQ(world.nonsense(), 0U);

  // What does not get on stays as it is, but counts as settled.
  pass(world, 20 * kSecond);
  ASSERT_EQ(world.complaint(), "");
  EXPECT_FALSE(world.anyone_settling());

  world.mend();
  pass(world, 40 * kSecond);
  ASSERT_EQ(world.complaint(), "");
  EXPECT_EQ(world.unrest(), "");

  world.recall_all();
  pass(world, 40 * kSecond);
  ASSERT_EQ(world.complaint(), "");
  EXPECT_EQ(world.unrest(), "");
  EXPECT_EQ(world.lent(), 0U);
  EXPECT_EQ(world.nonsense(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, LoansSimulation, testing::Range<std::uint64_t>(0, 32));

/// A simulation in which nothing is lent would find nothing.
TEST(LoansWorld, LendsALot) {
  std::uint64_t plugged = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    World world(seed);
    for (unsigned step = 0; step < 200; ++step) world.chaos_step();
    plugged += world.plugged_ever();
  }
  EXPECT_GT(plugged, 20U * 100U);
}

}  // namespace
}  // namespace hive::sharing
