// Many times in little memory.
#include "guests/ctl/latencies.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

namespace {

using hive::ctl::Latencies;

TEST(Latencies, NothingIsZero) {
  const auto none = std::make_unique<Latencies>();
  EXPECT_EQ(none->count(), 0U);
  EXPECT_EQ(none->min(), 0);
  EXPECT_EQ(none->max(), 0);
  EXPECT_EQ(none->percentile(50), 0);
}

TEST(Latencies, ShortTimesAreExact) {
  const auto times = std::make_unique<Latencies>();
  for (int time = 1000; time >= 0; --time) times->add(time);
  EXPECT_EQ(times->count(), 1001U);
  EXPECT_EQ(times->min(), 0);
  EXPECT_EQ(times->max(), 1000);
  EXPECT_EQ(times->percentile(0), 0);
  EXPECT_EQ(times->percentile(50), 500);
  EXPECT_EQ(times->percentile(99), 990);
  EXPECT_EQ(times->percentile(100), 1000);
}

TEST(Latencies, AnyTimeIsCounted) {
  const auto times = std::make_unique<Latencies>();
  for (const std::int64_t time : {std::int64_t{-5}, std::int64_t{0}, INT64_MAX}) times->add(time);
  EXPECT_EQ(times->count(), 3U);
  EXPECT_EQ(times->min(), 0);
  EXPECT_EQ(times->max(), INT64_MAX);
  EXPECT_EQ(times->percentile(100), INT64_MAX);
}

TEST(Latencies, AreAsGoodAsSortedOnes) {
  std::mt19937_64 random(7);
  for (const unsigned bits : {8U, 14U, 20U, 33U, 50U, 62U}) {
    const auto times = std::make_unique<Latencies>();
    std::vector<std::int64_t> sorted;
    for (int i = 0; i < 5000; ++i) {
      sorted.push_back(static_cast<std::int64_t>(random() >> (64 - bits)));
      times->add(sorted.back());
    }
    std::sort(sorted.begin(), sorted.end());
    EXPECT_EQ(times->min(), sorted.front());
    EXPECT_EQ(times->max(), sorted.back());
    for (const unsigned percent : {0U, 1U, 50U, 90U, 99U}) {
      const auto exact = static_cast<double>(sorted[sorted.size() * percent / 100]);
      EXPECT_NEAR(static_cast<double>(times->percentile(percent)), exact, exact * 0.002 + 1)
          << bits << " bits, " << percent << " %";
    }
  }
}

}  // namespace
