#include "guests/sdk/events/spinning_wait.h"

#include <gtest/gtest.h>

namespace {

using hive::sdk::Clock;
using hive::sdk::SpinBound;
using hive::sdk::SpinningWait;

TEST(SpinningWait, EndsAtItsEnd) {
  SpinBound bound;
  SpinningWait wait(bound);
  int looks = 0;
  const auto never = [&] { return ++looks < 0; };
  EXPECT_FALSE(wait.spin(never, Clock::time_point::min()));
  EXPECT_EQ(looks, 0);
  EXPECT_FALSE(wait.spin(never, Clock::time_point::max()));
  EXPECT_GE(looks, 1);
  EXPECT_TRUE(wait.spin([&] { return true; }, Clock::time_point::max()));
}

}  // namespace
