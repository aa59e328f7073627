// Moves of a section over links that lose, delay and repeat, between homes that fail at any step.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/placement/move_world.h"

namespace hive::placement {
namespace {

TEST(MoveSimulation, HasOneHomeAndLosesNothingWhateverHappens) {
  constexpr std::uint64_t kSeeds = 2'000;
  unsigned moved = 0;
  unsigned not_moved = 0;
  unsigned given_up = 0;
  unsigned losses = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    MoveWorld world(seed);
    world.run();
    ASSERT_THAT(world.faults, testing::IsEmpty());
    moved += world.moved;
    not_moved += world.not_moved;
    given_up += world.given_up;
    losses += world.losses;
  }
  // So that the simulation is one of moves.
  EXPECT_GT(moved, kSeeds);
  EXPECT_GT(not_moved, kSeeds / 10);
  EXPECT_GT(given_up, 0U);
  EXPECT_GT(losses, 0U);
  RecordProperty("moved", static_cast<int>(moved));
  RecordProperty("not_moved", static_cast<int>(not_moved));
  RecordProperty("given_up", static_cast<int>(given_up));
}

}  // namespace
}  // namespace hive::placement
