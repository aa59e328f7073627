#include "cellmon/metrics/exposition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace hive::metrics {
namespace {

using testing::HasSubstr;
using wire::Json;

/// A report with a sample of each family.
Report full_report() {
  Report report;
  for (const Family& family : catalogue()) {
    if (family.type == Type::kHistogram) {
      Histogram histogram;
      histogram.record(1'500'000);
      report.set(family.metric, histogram);
    } else if (family.metric != Metric::kMonitorUp) {
      report.add(family.metric, std::vector<std::string>(family.label_count(), "some"), 1.5);
      report.add(family.metric, std::vector<std::string>(family.label_count(), "other"), 2e12);
    }
  }
  return report;
}

TEST(Prometheus, HasEachFamilyOnceWithTheSamplesOfAllCells) {
  std::vector<CellReport> cells(2);
  cells[0] = {"trio", "alpha", "", {}};
  cells[1] = {"trio", "beta", "", {}};
  cells[0].report.add(Metric::kEpoch, 2);
  cells[1].report.add(Metric::kEpoch, 3);
  cells[1].report.add(Metric::kVsockBytes, 7, {"alpha", "in"});
  EXPECT_EQ(
      format_prometheus(cells),
      "# HELP hive_monitor_up Whether the cell's monitor answers.\n"
      "# TYPE hive_monitor_up gauge\n"
      "hive_monitor_up{machine=\"trio\",cell=\"alpha\"} 1\n"
      "hive_monitor_up{machine=\"trio\",cell=\"beta\"} 1\n"
      "# HELP hive_vsock_bytes_total Payload of those packets.\n"
      "# TYPE hive_vsock_bytes_total counter\n"
      "hive_vsock_bytes_total{machine=\"trio\",cell=\"beta\",peer=\"alpha\",direction=\"in\"} 7\n"
      "# HELP hive_view_epoch Epoch of the latest view that the monitor knows.\n"
      "# TYPE hive_view_epoch gauge\n"
      "hive_view_epoch{machine=\"trio\",cell=\"alpha\"} 2\n"
      "hive_view_epoch{machine=\"trio\",cell=\"beta\"} 3\n");
}

TEST(Prometheus, AddsUpTheBucketsOfAHistogram) {
  CellReport cell{"solo", "alpha", "", {}};
  Histogram pauses;
  pauses.record(800);
  pauses.record(1'500'000);
  pauses.record(20'000'000'000);
  cell.report.set(Metric::kPauseTime, pauses);
  const std::string text = format_prometheus({&cell, 1});
  const std::string head = "hive_pause_seconds_bucket{machine=\"solo\",cell=\"alpha\",le=";
  EXPECT_THAT(text, HasSubstr(head + "\"1e-06\"} 1\n"));
  EXPECT_THAT(text, HasSubstr(head + "\"0.001\"} 1\n"));
  EXPECT_THAT(text, HasSubstr(head + "\"0.0025\"} 2\n"));
  EXPECT_THAT(text, HasSubstr(head + "\"10\"} 2\n"));
  EXPECT_THAT(text, HasSubstr(head + "\"+Inf\"} 3\n"));
  EXPECT_THAT(text,
              HasSubstr("hive_pause_seconds_sum{machine=\"solo\",cell=\"alpha\"} 20.0015008\n"));
  EXPECT_THAT(text, HasSubstr("hive_pause_seconds_count{machine=\"solo\",cell=\"alpha\"} 3\n"));
}

TEST(Prometheus, EscapesWhatWouldEndALabel) {
  CellReport cell{"solo", "alpha", "", {}};
  cell.report.add(Metric::kEvents, 1, {"a\"b\\c\nd"});
  EXPECT_THAT(format_prometheus({&cell, 1}), HasSubstr("kind=\"a\\\"b\\\\c\\nd\"} 1\n"));
}

TEST(Prometheus, TellsOfACellWithoutMonitorThatItIsDown) {
  const CellReport cell{"solo", "alpha", "monitor lost", {}};
  EXPECT_THAT(format_prometheus({&cell, 1}),
              HasSubstr("hive_monitor_up{machine=\"solo\",cell=\"alpha\"} 0\n"));
}

TEST(Prometheus, IsNothingWithoutCells) { EXPECT_EQ(format_prometheus({}), ""); }

TEST(Prometheus, PassesPromtoolsCheck) {
  if (std::system("command -v promtool >/dev/null") != 0) {
    GTEST_SKIP() << "promtool is missing; scripts/deps gets it";
  }
  const std::vector<CellReport> cells{{"duo", "alpha", "", full_report()},
                                      {"duo", "beta", "", full_report()},
                                      {"duo", "gamma", "monitor lost", {}}};
  const std::string text = format_prometheus(cells);
  for (const Family& family : catalogue()) {
    EXPECT_THAT(text, HasSubstr("# TYPE " + std::string(family.name) + " "));
  }
  std::FILE* const promtool = ::popen("promtool check metrics", "w");
  ASSERT_NE(promtool, nullptr);
  EXPECT_EQ(std::fwrite(text.data(), 1, text.size(), promtool), text.size());
  const int status = ::pclose(promtool);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << text;
}

TEST(MetricsJson, GroupsCellsByTheirMachines) {
  std::vector<CellReport> cells(3);
  cells[0] = {"duo", "alpha", "", {}};
  cells[1] = {"duo", "beta", "monitor lost", {}};
  cells[2] = {"solo", "alpha", "", {}};
  cells[0].report.add(Metric::kVsockBytes, 7, {"beta", "in"});
  Histogram pauses;
  pauses.record(2'000'000);
  cells[2].report.set(Metric::kPauseTime, pauses);
  const Json json = to_json(cells);
  ASSERT_EQ(json["machines"].size(), 2U);
  const Json& duo = json["machines"][0];
  EXPECT_EQ(duo["machine"], "duo");
  EXPECT_EQ(duo["cells"][0]["metrics"][0],
            (Json{{"name", "hive_vsock_bytes_total"},
                  {"type", "counter"},
                  {"labels", {{"peer", "beta"}, {"direction", "in"}}},
                  {"value", 7}}));
  EXPECT_EQ(duo["cells"][1], (Json{{"cell", "beta"}, {"problem", "monitor lost"}}));
  const Json& pause = json["machines"][1]["cells"][0]["metrics"][0];
  EXPECT_EQ(pause["count"], 1);
  EXPECT_EQ(pause["sum"], 0.002);
  EXPECT_EQ(pause["buckets"].back(), (Json{{"le", "+Inf"}, {"count", 1}}));
  EXPECT_EQ(pause["buckets"].front(), (Json{{"le", 1e-6}, {"count", 0}}));
}

}  // namespace
}  // namespace hive::metrics
