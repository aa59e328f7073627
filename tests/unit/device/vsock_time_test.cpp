#include <gtest/gtest.h>

#include "vmm/device/vsock/time.h"

namespace hive::device::vsock {
namespace {

using std::chrono::microseconds;

TEST(VsockStamp, CountsMicroseconds) {
  const Clock::time_point sent{microseconds(7'000'000'000)};
  EXPECT_EQ(since(stamp(sent), stamp(sent + microseconds(1500))), 1500U);
}

TEST(VsockStamp, GoesRoundWithoutHarm) {
  const Clock::time_point sent{microseconds((1LL << 32) - 10)};
  EXPECT_EQ(since(stamp(sent), stamp(sent + microseconds(30))), 30U);
}

TEST(VsockStamp, TakesNothingFromASiblingWhoseClockIsAhead) {
  EXPECT_EQ(since(1001, 1000), 0U);
  EXPECT_EQ(since(1000, 1000), 0U);
  EXPECT_LT(since(1002, 1000 + (1U << 31)), 1U << 31);
}

}  // namespace
}  // namespace hive::device::vsock
