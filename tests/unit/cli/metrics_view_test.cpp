#include "cellmon/cli/metrics_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hive::cli {
namespace {

using metrics::CellReport;
using metrics::Metric;
using testing::HasSubstr;
using testing::Not;

TEST(FormatValue, UsesTheUnitThatTheNameTellsOf) {
  EXPECT_EQ(format_value("hive_pause_seconds", 0.0123), "12.3 ms");
  EXPECT_EQ(format_value("hive_cpu_seconds_total", 75.5), "75.5 s");
  EXPECT_EQ(format_value("hive_cpu_seconds_total", 0), "0 s");
  EXPECT_EQ(format_value("hive_cpu_seconds_total", 2e-7), "200 ns");
  EXPECT_EQ(format_value("hive_vsock_bytes_total", 1536), "1.5 KiB");
  EXPECT_EQ(format_value("hive_vsock_bytes_total", 0), "0 B");
  EXPECT_EQ(format_value("hive_overhead_bytes", 3.0 * 1024 * 1024), "3 MiB");
  EXPECT_EQ(format_value("hive_vcpu_exits_total", 123456789), "123456789");
  EXPECT_EQ(format_value("hive_suspicion", 0.12345), "0.1235");
}

TEST(FormatMetrics, HasAColumnForEachCellAndLeavesOutWhatNeverWas) {
  std::vector<CellReport> cells(3);
  cells[0] = {"duo", "alpha", "", {}};
  cells[1] = {"duo", "beta", "monitor lost", {}};
  cells[2] = {"duo", "gamma", "", {}};
  cells[0].report.add(Metric::kEpoch, 2);
  cells[2].report.add(Metric::kEpoch, 2);
  cells[0].report.add(Metric::kExits, 0, {"shutdown"});
  cells[0].report.add(Metric::kExits, 17, {"mmio-write"});
  metrics::Histogram pauses;
  pauses.record(800'000);
  cells[0].report.set(Metric::kPauseTime, pauses);
  cells[2].report.set(Metric::kPauseTime, {});
  const std::string text = format_metrics(cells);
  EXPECT_EQ(text,
            "machine duo\n"
            "  beta  monitor lost\n"
            "  metric                                   alpha  gamma\n"
            "  hive_vcpu_exits_total reason=mmio-write     17      -\n"
            "  hive_view_epoch                              2      2\n"
            "  hive_pause_seconds count                     1      0\n"
            "  hive_pause_seconds median, at most        1 ms      -\n"
            "  hive_pause_seconds 99 %, at most          1 ms      -\n");
}

TEST(FormatMetrics, SplitsWideTablesAndMachines) {
  std::vector<CellReport> cells;
  for (int cell = 0; cell < 8; ++cell) {
    cells.push_back({"many", "c" + std::to_string(cell), "", {}});
    cells.back().report.add(Metric::kEpoch, 1);
  }
  cells.push_back({"solo", "alpha", "", {}});
  const std::string text = format_metrics(cells);
  EXPECT_THAT(text, HasSubstr("c4  c5\n"));
  EXPECT_THAT(text, HasSubstr("c6  c7\n"));
  EXPECT_THAT(text, HasSubstr("machine solo\n"));
  EXPECT_THAT(text, Not(HasSubstr("c5  c6")));
}

TEST(FormatMetrics, IsNothingWithoutCells) { EXPECT_EQ(format_metrics({}), ""); }

}  // namespace
}  // namespace hive::cli
