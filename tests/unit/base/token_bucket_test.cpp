#include "vmm/base/token_bucket.h"

#include <gtest/gtest.h>

namespace hive {
namespace {

constexpr MonotonicTime kSecond = 1'000'000'000;
constexpr MonotonicTime kMillisecond = 1'000'000;

TEST(TokenBucketTest, GivesTokensAtItsRateAndNotAllAtOnce) {
  TokenBucket bucket(1000, 100);
  unsigned taken = 0;
  while (bucket.take(kSecond)) ++taken;
  EXPECT_EQ(taken, 100U);
  EXPECT_EQ(bucket.next(), kSecond + kMillisecond);
  EXPECT_FALSE(bucket.has(kSecond + kMillisecond - 1));
  EXPECT_FALSE(bucket.take(kSecond + kMillisecond - 1));
  EXPECT_TRUE(bucket.has(kSecond + kMillisecond));
  EXPECT_TRUE(bucket.take(kSecond + kMillisecond));
  for (MonotonicTime tick = 100; tick < 600; ++tick) {
    while (bucket.take(kSecond + tick * 10 * kMillisecond)) ++taken;
  }
  EXPECT_LE(taken, 5200U);
  EXPECT_GE(taken, 4900U);
}

TEST(TokenBucketTest, HasNoLimitWhereTheRateIsNone) {
  TokenBucket bucket(0, 1);
  for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(bucket.take(kSecond));
}

TEST(TokenBucketTest, TakesNothingByBeingAsked) {
  TokenBucket bucket(1, 1);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(bucket.has(kSecond));
  EXPECT_TRUE(bucket.take(kSecond));
}

TEST(TokenBucketTest, BearsAnyTime) {
  TokenBucket bucket(1, 1);
  EXPECT_TRUE(bucket.take(kSecond));
  EXPECT_FALSE(bucket.take(0));
  EXPECT_FALSE(bucket.take(2 * kSecond - 1));
  EXPECT_TRUE(bucket.take(2 * kSecond));
  EXPECT_TRUE(bucket.take(~MonotonicTime{0}));
  EXPECT_FALSE(bucket.take(~MonotonicTime{0}));
}

TEST(TokenBucketTest, BearsAnyRate) {
  constexpr std::uint32_t kMost = ~std::uint32_t{0};
  TokenBucket slow(1, kMost);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(slow.take(kSecond));
  EXPECT_TRUE(slow.take(~MonotonicTime{0}));
  TokenBucket fast(kMost, kMost);  // More than one a nanosecond is no limit.
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(fast.take(kSecond));
}

}  // namespace
}  // namespace hive
