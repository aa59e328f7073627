// How often a program's uses of sections are told.
#include "guests/sdk/use_meter.h"

#include <gtest/gtest.h>

#include <limits>

namespace hive::sdk {
namespace {

using std::chrono::milliseconds;

TEST(UseMeter, TellsOfEachSectionOnceAPeriod) {
  UseMeter meter;
  const UseMeter::Time start{std::chrono::hours(1)};
  EXPECT_EQ(meter.add(0, 7, 3, start), 0U);
  EXPECT_EQ(meter.add(0, 7, 4, start + milliseconds(999)), 0U);
  EXPECT_EQ(meter.add(1, 7, 100, start + milliseconds(999)), 0U) << "another home's";
  EXPECT_EQ(meter.add(0, 7, 5, start + UseMeter::kPeriod), 12U);
  EXPECT_EQ(meter.add(0, 7, 1, start + UseMeter::kPeriod), 0U);
  EXPECT_EQ(meter.add(0, 7, 1, start + 2 * UseMeter::kPeriod), 2U);
}

TEST(UseMeter, ForgetsThoseToldOfLeastRecently) {
  UseMeter meter;
  const UseMeter::Time start{std::chrono::hours(1)};
  for (unsigned i = 0; i <= UseMeter::kMost; ++i) {
    EXPECT_EQ(meter.add(0, i + 1, 1, start + milliseconds(i)), 0U);
  }
  const UseMeter::Time later = start + 2 * UseMeter::kPeriod;
  EXPECT_EQ(meter.add(0, UseMeter::kMost + 1, 1, later), 2U);
  EXPECT_EQ(meter.add(0, 2, 1, later), 2U);
  EXPECT_EQ(meter.add(0, 1, 1, later), 0U) << "its place was taken";
}

TEST(UseMeter, TakesAnyCount) {
  UseMeter meter;
  const UseMeter::Time start{std::chrono::hours(1)};
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(meter.add(0, 0, 1, start), 0U) << "no section";
  EXPECT_EQ(meter.add(0, 1, kMost, start), 0U);
  EXPECT_EQ(meter.add(0, 1, 5, start + UseMeter::kPeriod), kMost);
  EXPECT_EQ(meter.add(0, 1, 0, start + 3 * UseMeter::kPeriod), 0U);
}

}  // namespace
}  // namespace hive::sdk
