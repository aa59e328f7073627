// What keeps a monitor's counters from shrinking, and their number from growing.
#include "cellmon/control/metrics_memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include "cellmon/control/thread_times.h"

namespace hive::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Instant = TickRate::Instant;

constexpr std::uint64_t kBillion = 1'000'000'000;

/// Milliseconds of one clock, and ticks of the other, after some beginning.
Instant at(int time, std::uint64_t ticks) {
  return {TickRate::Clock::time_point(seconds(7) + milliseconds(time)), ticks};
}

TEST(TickRate, IsFixedOnceItIsMeasured) {
  TickRate rate(at(0, 1'000));
  EXPECT_FALSE(rate.seconds(kBillion, at(999, kBillion))) << "less than a second";
  EXPECT_FALSE(rate.seconds(kBillion, at(2'000, 1'000))) << "no ticks";
  EXPECT_DOUBLE_EQ(rate.seconds(kBillion, at(2'000, 1'000 + 4 * kBillion)).value(), 0.5);
  for (const std::uint64_t faster : {5, 6, 7}) {
    EXPECT_DOUBLE_EQ(rate.seconds(kBillion, at(2'000, faster * kBillion)).value(), 0.5);
  }
  EXPECT_DOUBLE_EQ(rate.seconds(kBillion).value(), 0.5);
  EXPECT_EQ(rate.seconds(0).value(), 0);
}

TEST(TickRate, TellsSecondsOfThisHost) {
  const Instant start = TickRate::now();
  const Instant earlier{start.time - seconds(1), start.ticks};
  TickRate rate(start);
  const bool knows = rate.seconds(1).has_value();
  EXPECT_TRUE(!knows || TickRate::now().time >= start.time + seconds(1)) << "not for a second yet";
  // As much of the clock as a second, though fewer ticks: each is then thought to take longer.
  TickRate slow(earlier);
  std::this_thread::sleep_for(milliseconds(20));
  const Instant end = TickRate::now();
  ASSERT_GT(end.ticks, start.ticks);
  EXPECT_NEAR(slow.seconds(end.ticks - start.ticks, end).value(),
              std::chrono::duration<double>(end.time - earlier.time).count(), 1e-6);
}

TEST(VmmTimes, NeverShrinkWhileTheVmmIsTheSame) {
  VmmTimes times;
  EXPECT_DOUBLE_EQ(times.take(10, 1, {1.00, 0.50}).own, 0.50);
  const ProcessTimes rounded = times.take(10, 1, {1.01, 0.49});
  EXPECT_DOUBLE_EQ(rounded.guest, 1.01);
  EXPECT_DOUBLE_EQ(rounded.own, 0.50);
  EXPECT_DOUBLE_EQ(times.take(10, 2, {0, 0.02}).own, 0.02) << "another incarnation";
  EXPECT_DOUBLE_EQ(times.take(11, 2, {0, 0.01}).own, 0.01) << "another process";
}

TEST(StatisticNames, AreBoundedOverAMonitorsLife) {
  StatisticNames names;
  for (std::size_t index = 0; index < StatisticNames::kMax; ++index) {
    EXPECT_TRUE(names.admit({"name_" + std::to_string(index), true, true, index}));
  }
  for (int round = 0; round < 1'000; ++round) {
    EXPECT_FALSE(names.admit({"later_" + std::to_string(round), true, true, 1}));
  }
  EXPECT_TRUE(names.admit({"name_0", true, true, 5})) << "it is known";
  EXPECT_FALSE(names.admit({"name_0", true, false, 5})) << "another series";
  EXPECT_FALSE(names.admit({"name_0", false, true, 5})) << "another series";
}

}  // namespace
}  // namespace hive::control
