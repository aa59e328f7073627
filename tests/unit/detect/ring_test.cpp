#include "cellmon/detect/ring.h"

#include <gtest/gtest.h>

#include <bit>

namespace hive::detect {
namespace {

TEST(Ring, EachIsWatchedByTwoAndWatchesTwo) {
  std::uint64_t state = 1;
  for (unsigned round = 0; round < 2000; ++round) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    const std::uint64_t members = round % 3 == 0 ? state : state & (state << 7U);
    const unsigned others = members == 0 ? 0 : static_cast<unsigned>(std::popcount(members)) - 1;
    const unsigned expected = others < kWatchers ? others : kWatchers;
    unsigned watchers[kMaxCells] = {};
    for (unsigned cell = 0; cell < kMaxCells; ++cell) {
      const bool member = (members >> cell & 1U) != 0;
      const std::uint64_t watched = watched_by(CellId{static_cast<std::uint8_t>(cell)}, members);
      EXPECT_EQ(watched & ~members, 0U);
      EXPECT_EQ(watched >> cell & 1U, 0U);
      EXPECT_EQ(std::popcount(watched), member ? static_cast<int>(expected) : 0);
      for (unsigned peer = 0; peer < kMaxCells; ++peer) watchers[peer] += watched >> peer & 1U;
    }
    for (unsigned cell = 0; cell < kMaxCells; ++cell) {
      EXPECT_EQ(watchers[cell], (members >> cell & 1U) != 0 ? expected : 0);
    }
  }
}

TEST(Ring, NoCellWatchesNobody) { EXPECT_EQ(watched_by(CellId{64}, ~std::uint64_t{0}), 0U); }

}  // namespace
}  // namespace hive::detect
