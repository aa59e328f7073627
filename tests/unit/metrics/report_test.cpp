#include "cellmon/metrics/report.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace hive::metrics {
namespace {

using wire::Json;

Report sample_report() {
  Report report;
  report.add(Metric::kIncarnation, 3);
  report.add(Metric::kVsockBytes, 12'345'678'901, {"beta", "in"});
  report.add(Metric::kVsockBytes, 5, {"beta", "out"});
  report.add(Metric::kSuspicion, 0.25, {"beta"});
  Histogram pauses;
  pauses.record(1'500'000);
  pauses.record(2'500'000'000);
  report.set(Metric::kPauseTime, pauses);
  return report;
}

TEST(Report, GivesSamplesByTheirLabels) {
  const Report report = sample_report();
  EXPECT_EQ(report.value(Metric::kIncarnation), 3);
  EXPECT_EQ(report.value(Metric::kVsockBytes, {"beta", "out"}), 5);
  EXPECT_EQ(report.value(Metric::kVsockBytes, {"beta"}), std::nullopt);
  EXPECT_EQ(report.value(Metric::kVsockBytes, {"gamma", "out"}), std::nullopt);
  EXPECT_EQ(report.value(Metric::kEpoch), std::nullopt);
  EXPECT_EQ(report.sum(Metric::kVsockBytes), 12'345'678'906);
  EXPECT_EQ(report.sum(Metric::kEpoch), 0);
}

TEST(Report, IsTheSameAfterTheWire) {
  const Report report = sample_report();
  const auto parsed = parse_report(Json::parse(to_json(report).dump()));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->samples(), report.samples());
  EXPECT_EQ(parsed->histograms(), report.histograms());
}

TEST(Report, LeavesOutWhatItDoesNotKnow) {
  const auto parsed =
      parse_report({{"hive_of_tomorrow", "anything"}, {"hive_view_epoch", {{Json::array(), 2}}}});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->value(Metric::kEpoch), 2);
  EXPECT_EQ(parsed->samples().size(), 1U);
}

TEST(Report, IsNoneWhereAnythingIsMalformed) {
  for (const char* text :
       {"[]", "3", R"({"hive_view_epoch": 3})", R"({"hive_view_epoch": [3]})",
        R"({"hive_view_epoch": [[[], "3"]]})", R"({"hive_view_epoch": [[["x"], 3]]})",
        R"({"hive_view_epoch": [[[], 3, 4]]})", R"({"hive_suspicion": [[[], 3]]})",
        R"({"hive_suspicion": [[[7], 3]]})", R"({"hive_pause_seconds": []})",
        R"({"hive_pause_seconds": {"counts": [1, 2], "sum": 1}})",
        R"({"hive_pause_seconds": {"sum": 1}})", R"({"hive_view_epoch": [[[], 3], [[], 3]]})",
        R"({"hive_suspicion": [[["a"], 1], [["b"], 1], [["a"], 2]]})"}) {
    EXPECT_FALSE(parse_report(Json::parse(text))) << text;
  }
  Json counts = Json::array();
  for (std::size_t bucket = 0; bucket < Histogram::kBuckets; ++bucket) counts.push_back(1U);
  EXPECT_TRUE(parse_report({{"hive_pause_seconds", {{"counts", counts}, {"sum", 1.5}}}}));
  EXPECT_FALSE(parse_report({{"hive_pause_seconds", {{"counts", counts}, {"sum", -1}}}}));
  EXPECT_FALSE(parse_report({{"hive_pause_seconds", {{"counts", counts}, {"sum", 1e300}}}}));
  counts[3] = -1;
  EXPECT_FALSE(parse_report({{"hive_pause_seconds", {{"counts", counts}, {"sum", 1}}}}));
}

TEST(Report, MakesLabelsPrintableAndShort) {
  const Json json{{"hive_suspicion", {{{"a\x1b[2J" + std::string(1000, 'x')}, 1}}}};
  const auto parsed = parse_report(json);
  ASSERT_TRUE(parsed);
  const std::string& label = parsed->samples().at(Metric::kSuspicion).front().labels.front();
  EXPECT_LE(label.size(), 64U);
  EXPECT_EQ(label.find('\x1b'), std::string::npos);
}

TEST(Report, HoldsNoMoreThanItsBound) {
  Report report;
  for (std::size_t index = 0; index < Report::kMaxSamples + 10; ++index) {
    report.add(Metric::kSuspicion, 1, {std::to_string(index)});
  }
  EXPECT_EQ(report.samples().at(Metric::kSuspicion).size(), Report::kMaxSamples);
}

/// The most that there can be: 63 other cells with the longest names.
Report largest_report() {
  Report report;
  for (const Family& family : catalogue()) {
    if (family.type == Type::kHistogram) {
      std::array<std::uint64_t, Histogram::kBuckets> counts{};
      counts.fill(1'000'000'000'000);
      report.set(family.metric, Histogram(counts, 1'000'000'000'000'000'000));
      continue;
    }
    const bool is_of_peers =
        family.labels[0] == "peer" || family.labels[0] == "writer" || family.labels[0] == "home";
    const std::size_t others = is_of_peers ? 63 : 1;
    const std::size_t each = family.labels[1].empty() ? 1 : 8;
    for (std::size_t index = 0; index < others * each; ++index) {
      const std::string name = "c" + std::to_string(index / each) + std::string(32, 'x');
      std::vector<std::string> labels(family.label_count(), "some-trouble");
      if (!labels.empty()) labels.front() = name.substr(0, 32);
      report.add(family.metric, std::move(labels), 9'007'199'254'740'991);
    }
  }
  for (int stat = 0; stat < 128; ++stat) {
    report.add(Metric::kKvmEvents, 9'007'199'254'740'991, {"vcpu", std::string(47, 'n')});
  }
  return report;
}

TEST(Report, OfTheLargestMachineFitsALine) {
  constexpr std::size_t kMaxReply = 256 * 1024;  // Of what `hive` reads.
  const Report report = largest_report();
  EXPECT_LT(to_json(report).dump().size(), kMaxReply - 1024);
  EXPECT_GT(report.samples().at(Metric::kVsockTroubles).size(), 500U);
}

TEST(NumberOf, IsWholeWhereItCanBe) {
  EXPECT_EQ(number_of(3).dump(), "3");
  EXPECT_EQ(number_of(-3).dump(), "-3");
  EXPECT_EQ(number_of(0.5).dump(), "0.5");
  EXPECT_EQ(number_of(12'345'678'901).dump(), "12345678901");
  EXPECT_EQ(number_of(static_cast<double>(std::numeric_limits<std::uint64_t>::max())).dump(),
            "1.8446744073709552e+19");
}

}  // namespace
}  // namespace hive::metrics
