#include "cellmon/metrics/histogram.h"

#include <gtest/gtest.h>

#include <numeric>

namespace hive::metrics {
namespace {

constexpr std::uint64_t kMicrosecond = 1000;
constexpr std::uint64_t kMillisecond = 1'000'000;

TEST(Histogram, IsEmptyAtFirst) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.sum(), 0U);
  EXPECT_EQ(histogram.quantile(0.5), 0U);
}

TEST(Histogram, HasBoundsThatAscend) {
  for (std::size_t index = 1; index < Histogram::kBounds.size(); ++index) {
    EXPECT_LT(Histogram::kBounds[index - 1], Histogram::kBounds[index]);
  }
}

TEST(Histogram, CountsABoundInItsOwnBucketAndWhatIsBeyondInTheNext) {
  for (std::size_t index = 0; index < Histogram::kBounds.size(); ++index) {
    Histogram histogram;
    histogram.record(Histogram::kBounds[index]);
    histogram.record(Histogram::kBounds[index] + 1);
    EXPECT_EQ(histogram.counts().at(index), 1U);
    EXPECT_EQ(histogram.counts().at(index + 1), 1U);
    EXPECT_EQ(histogram.count(), 2U);
  }
}

TEST(Histogram, CountsTheShortestAndTheLongest) {
  Histogram histogram;
  histogram.record(0);
  histogram.record(3'600'000 * kMillisecond);
  EXPECT_EQ(histogram.counts().front(), 1U);
  EXPECT_EQ(histogram.counts().back(), 1U);
  EXPECT_EQ(histogram.sum(), 3'600'000 * kMillisecond);
}

TEST(Histogram, GivesQuantilesByTheirBuckets) {
  Histogram histogram;
  for (int time = 0; time < 98; ++time) histogram.record(40 * kMicrosecond);
  histogram.record(3 * kMillisecond);
  histogram.record(200'000 * kMillisecond);
  EXPECT_EQ(histogram.quantile(0), 50 * kMicrosecond);
  EXPECT_EQ(histogram.quantile(0.5), 50 * kMicrosecond);
  EXPECT_EQ(histogram.quantile(0.99), 5 * kMillisecond);
  EXPECT_EQ(histogram.quantile(1), Histogram::kBounds.back());
}

}  // namespace
}  // namespace hive::metrics
