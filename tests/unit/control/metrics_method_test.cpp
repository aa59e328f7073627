// The method `metrics`, over whole monitors and scripted VMMs.
#include <gmock/gmock.h>

#include <csignal>
#include <fstream>

#include "cellmon/metrics/report.h"
#include "tests/unit/control/trio.h"

namespace hive::control {
namespace {

using metrics::Metric;
using metrics::Report;

Report report_of(const Json& answer) {
  const auto report = metrics::parse_report(answer["metrics"]);
  EXPECT_TRUE(report) << answer;
  return report.value_or(Report());
}

TEST(MetricsMethod, TellsOfACellThatRuns) {
  const TestCell cell("counts; report started", false);
  cell.await(wire::CellState::kRunning);
  TestClient client = cell.connect();
  const Json answer = client.call("metrics", Json::object());
  EXPECT_EQ(answer["cell"], "alpha");
  EXPECT_EQ(answer["answered"], true);
  const Report report = report_of(answer);
  EXPECT_EQ(report.value(Metric::kCellState, {"running"}), 1);
  EXPECT_EQ(report.value(Metric::kCellState, {"failed"}), 0);
  EXPECT_EQ(report.value(Metric::kIncarnation), 1);
  EXPECT_EQ(report.value(Metric::kEpoch), 1);
  EXPECT_EQ(report.value(Metric::kEvents, {"running"}), 1);
  EXPECT_GT(report.value(Metric::kOverhead, {"vmm", "anonymous"}).value_or(0), 0);
  EXPECT_TRUE(report.value(Metric::kCpuTime, {"guest"}));
  EXPECT_EQ(report.value(Metric::kExits, {"mmio-write"}), 0);
  EXPECT_EQ(report.histograms().count(Metric::kHeartbeatDelay), 1U);
  EXPECT_EQ(report.samples().count(Metric::kContribution), 0U);
}

TEST(MetricsMethod, ForgetsTheGuestsMemoryWhenTheAgentsPortIsClosed) {
  const TestFolder folder;
  const std::string cue = folder.path() + "/cue";
  const TestCell cell("agent; report started; until " + cue + "; close");
  cell.await(wire::CellState::kRunning);
  TestClient client = cell.connect();
  const auto await = [&](bool is_there) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < deadline) {
      const Report report = report_of(client.call("metrics", Json::object(), kPatience));
      const bool has = report.samples().count(Metric::kGuestMemory) != 0;
      if (has == is_there) return true;
      ::usleep(20'000);
    }
    return false;
  };
  EXPECT_TRUE(await(true));
  std::ofstream(cue).put('!');
  EXPECT_TRUE(await(false));
}

TEST(MetricsMethod, AnswersWithoutAVmmThatDoes) {
  const TestCell cell("report started", false);
  cell.await(wire::CellState::kRunning);
  TestClient client = cell.connect();
  const Json answer = client.call("metrics", Json::object());
  EXPECT_EQ(answer["answered"], false);
  EXPECT_EQ(report_of(answer).value(Metric::kIncarnation), 1);
}

TEST(MetricsMethod, CountsAFailureAndTheRecoveryFromIt) {
  const Trio trio({"report started", "report started", "report started"});
  trio.await_running();
  ::kill(static_cast<pid_t>(trio.status("beta").vmm_pid), SIGKILL);
  for (const char* cell : {"alpha", "gamma"}) {
    trio.await_epoch(cell, 2);
    const Report report = report_of(trio.connect(cell).call("metrics", Json::object()));
    EXPECT_EQ(report.value(Metric::kAlerts), 1);
    EXPECT_EQ(report.value(Metric::kDismissals), 0);
    EXPECT_EQ(report.value(Metric::kEpoch), 2);
    EXPECT_EQ(report.value(Metric::kMembers), 2);
    for (const Metric metric :
         {Metric::kAgreementTime, Metric::kRecoveryTime, Metric::kPauseTime}) {
      EXPECT_EQ(report.histograms().at(metric).count(), 1U) << family_of(metric).name;
      EXPECT_GT(report.histograms().at(metric).sum(), 0U) << family_of(metric).name;
    }
  }
}

}  // namespace
}  // namespace hive::control
