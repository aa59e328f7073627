#include "cellmon/recover/restart_policy.h"

#include <gtest/gtest.h>

namespace hive::recover {
namespace {

constexpr Time kSecond = 1'000'000'000;

/// CELL fails right after it was up, COUNT times; the delay after the last.
Time delay_after(unsigned count, const RestartSettings& settings) {
  RestartPolicy policy(settings);
  Time now = 5;
  for (unsigned failure = 0; failure < count; ++failure) {
    now = failure == 0 ? now : policy.due();
    policy.up(now);
    policy.failed(now);
  }
  return policy.due() - now;
}

TEST(RestartPolicy, WaitsTwiceAsLongAfterEachFailureInARow) {
  const RestartSettings settings;
  EXPECT_EQ(delay_after(1, settings), 0);
  EXPECT_EQ(delay_after(2, settings), kSecond);
  EXPECT_EQ(delay_after(3, settings), 2 * kSecond);
  EXPECT_EQ(delay_after(4, settings), 4 * kSecond);
  EXPECT_EQ(delay_after(8, settings), 64 * kSecond);
  EXPECT_EQ(delay_after(9, settings), 64 * kSecond);
  EXPECT_EQ(delay_after(500, settings), 64 * kSecond);
}

TEST(RestartPolicy, BoundsThatAreNoPowerOfTwoAreKept) {
  EXPECT_EQ(delay_after(4, {OnFailure::kReboot, kSecond, 3 * kSecond}), 3 * kSecond);
  EXPECT_EQ(delay_after(2, {OnFailure::kReboot, 5 * kSecond, 3 * kSecond}), 3 * kSecond);
  EXPECT_EQ(delay_after(9, {OnFailure::kReboot, 0, 3 * kSecond}), 0);
  const Time bound = (Time{1} << 50U) + 1;
  EXPECT_EQ(delay_after(80, {OnFailure::kReboot, 1, bound}), bound);
}

TEST(RestartPolicy, HealthIsRewarded) {
  const RestartSettings settings;
  RestartPolicy policy(settings);
  policy.up(0);
  policy.failed(1);
  policy.up(2);
  policy.failed(3);
  EXPECT_EQ(policy.failures(), 2);
  policy.up(10);
  policy.failed(10 + settings.healthy - 1);
  EXPECT_EQ(policy.failures(), 3);
  policy.up(kSecond);
  policy.failed(kSecond + settings.healthy);
  EXPECT_EQ(policy.failures(), 1);
  EXPECT_EQ(policy.due(), kSecond + settings.healthy);
}

TEST(RestartPolicy, TimeThatItWasDownIsNoHealth) {
  RestartPolicy policy{RestartSettings{}};
  policy.up(0);
  policy.failed(1);
  policy.failed(2 * RestartSettings().healthy);  // it did not come up
  EXPECT_EQ(policy.failures(), 2);
}

TEST(RestartPolicy, TheEndOfTimeIsNotPassed) {
  RestartPolicy policy{RestartSettings{}};
  policy.failed(kNever - 1);
  policy.failed(kNever - 1);
  EXPECT_EQ(policy.due(), kNever);
}

}  // namespace
}  // namespace hive::recover
