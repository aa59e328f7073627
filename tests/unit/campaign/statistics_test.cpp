#include "cellmon/campaign/statistics.h"

#include <gmock/gmock.h>

#include <cmath>

namespace hive::campaign {
namespace {

Record record(const std::string& group, Outcome outcome, std::int64_t detection_us) {
  Record made;
  made.drawn.group = group;
  made.outcome = outcome;
  if (detection_us > 0) {
    made.evidence = "hint";
    made.times.detection = detection_us;
  }
  return made;
}

TEST(UpperBound, IsClopperAndPearsons) {
  // Without events it has a closed form, close to 3 / n.
  for (const std::uint64_t trials : {1ULL, 10ULL, 200ULL, 10'000ULL, 1'000'000ULL}) {
    const double exact = 1 - std::pow(0.05, 1.0 / static_cast<double>(trials));
    EXPECT_NEAR(upper_bound(0, trials) / exact, 1, 1e-6) << trials;
  }
  EXPECT_NEAR(upper_bound(0, 1000) * 1000, 3, 0.01);
  // Tabulated: one-sided 95 % bounds for 1 of 10, 5 of 100.
  EXPECT_NEAR(upper_bound(1, 10), 0.3942, 1e-4);
  EXPECT_NEAR(upper_bound(5, 100), 0.1023, 1e-4);
  EXPECT_EQ(upper_bound(0, 0), 1);
  EXPECT_EQ(upper_bound(3, 3), 1);
}

TEST(Distribution, HasItsRanks) {
  Distribution times;
  for (int i = 1; i <= 100; ++i) times.values.push_back(i);
  EXPECT_EQ(times.mean(), 50.5);
  EXPECT_EQ(times.quantile(0), 1);
  EXPECT_EQ(times.quantile(0.5), 50);
  EXPECT_EQ(times.quantile(0.95), 95);
  EXPECT_EQ(times.quantile(1), 100);
  EXPECT_EQ(times.maximum(), 100);
}

TEST(Statistics, CountByClass) {
  std::vector<Record> records{
      record("a", Outcome::kContained, 3000), record("a", Outcome::kEscaped, 1000),
      record("b", Outcome::kUndetected, 0), record("b", Outcome::kRefused, 0)};
  records[0].drawn.paper_row = "random-time";
  const Statistics statistics = summarize(records);
  EXPECT_EQ(statistics.all.injected, 3U);
  EXPECT_EQ(statistics.all.noticed, 2U);
  EXPECT_EQ(statistics.all.count(Outcome::kRefused), 1U);
  EXPECT_EQ(statistics.groups.at("a").count(Outcome::kEscaped), 1U);
  EXPECT_THAT(statistics.groups.at("a").latencies.at(Latency::kDetection).values,
              testing::ElementsAre(1, 3));
  EXPECT_EQ(statistics.groups.at("b").injected, 1U);
  EXPECT_EQ(statistics.groups.at("b").escape_bound(), upper_bound(0, 1));
  EXPECT_EQ(statistics.paper_rows.at("random-time").injected, 1U);
}

TEST(Statistics, BookLateHarmOnTheFaultBeforeIt) {
  std::vector<Record> records{record("a", Outcome::kContained, 3000),
                              record("b", Outcome::kEscaped, 0)};
  records[0].drawn.run = 4;
  records[1].drawn.run = 7;
  records[1].before_fault = true;
  records[1].earlier = {2, 4};
  const Statistics statistics = summarize(records);
  EXPECT_EQ(statistics.all.injected, 1U);
  EXPECT_EQ(statistics.all.count(Outcome::kEscaped), 1U);
  EXPECT_EQ(statistics.all.count(Outcome::kContained), 0U);
  EXPECT_EQ(statistics.groups.at("a").count(Outcome::kEscaped), 1U);
  EXPECT_FALSE(statistics.groups.contains("b"));
  // It counts though the run before is not there.
  EXPECT_EQ(summarize(std::span(records).subspan(1)).all.count(Outcome::kEscaped), 1U);
}

TEST(Statistics, LeaveRunsThatNobodyLookedAtOutOfTheBound) {
  std::vector<Record> records(5, record("a", Outcome::kContained, 0));
  records[0].unchecked = {"delta"};
  records[1].unchecked = {"delta"};
  EXPECT_EQ(summarize(records).all.injected, 5U);
  EXPECT_EQ(summarize(records).all.escape_bound(), upper_bound(0, 3));
  records[0].outcome = Outcome::kEscaped;  // Others were looked at.
  EXPECT_EQ(summarize(records).all.escape_bound(), upper_bound(1, 4));
}

}  // namespace
}  // namespace hive::campaign
