#include "cellmon/cli/top_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

namespace hive::cli {
namespace {

using metrics::Metric;
using testing::HasSubstr;

CellFigures running(const std::string& name, double exits, double packets) {
  CellFigures cell;
  cell.view.address = {0, "duo", name};
  wire::CellStatus status;
  status.cell = name;
  status.state = wire::CellState::kRunning;
  status.incarnation = 1;
  status.memory = 96 << 20;
  status.load = 42;
  status.view.epoch = 3;
  cell.view.status = status;
  cell.report.add(Metric::kExits, exits, {"mmio-write"});
  cell.report.add(Metric::kVsockPackets, packets, {"beta", "in"});
  cell.report.add(Metric::kOverhead, 2 << 20, {"vmm", "anonymous"});
  return cell;
}

CellFigures lost(const std::string& name) {
  CellFigures cell;
  cell.view.address = {0, "duo", name};
  cell.view.problem = "monitor lost";
  return cell;
}

TopFrame frame(double time, std::vector<CellFigures> cells) {
  TopFrame frame;
  frame.time = time;
  frame.machines.push_back({"duo", std::move(cells)});
  return frame;
}

TEST(FormatTop, HasALineForEachCellWithRatesSinceTheLastLook) {
  const TopFrame before = frame(10, {running("alpha", 100, 0), lost("beta")});
  TopFrame now = frame(12, {running("alpha", 5'100, 3'000'000), lost("beta")});
  now.machines[0].cells[0].report.add(Metric::kViolations, 7, {"beta"});
  now.last_events["duo/alpha"] = "alert: about beta, of which there is much to say";
  EXPECT_EQ(format_top(&before, now, 80),
            "machine duo, 2 cells\n"
            "cell   state     epoch  cpu% exit/s memory  viol rpc/s  last event\n"
            "alpha  running       3    42   2.5k  98.0M     0  1.5M  alert: about beta, of wh\n"
            "beta   lost          -     -      -      -     7     -  monitor lost\n");
}

TEST(FormatTop, KnowsNoRatesAtFirstNorAcrossAStartOfTheGuest) {
  const std::string dash = "     -  98.0M     0     -";
  TopFrame now = frame(12, {running("alpha", 5'100, 0)});
  EXPECT_THAT(format_top(nullptr, now, 80), HasSubstr(dash));
  const TopFrame before = frame(11, {running("alpha", 9'000, 0)});
  EXPECT_THAT(format_top(&now, before, 80), HasSubstr(dash));
  now.machines[0].cells[0].view.status->incarnation = 2;
  EXPECT_THAT(format_top(&before, now, 80), HasSubstr(dash));
}

TEST(FormatTop, KnowsNoRatesAcrossALookWithoutFigures) {
  const CellFigures silent = [] {
    CellFigures cell = running("alpha", 0, 0);
    cell.report = {};
    cell.report.add(Metric::kExits, 5'100, {"mmio-write"});
    return cell;
  }();
  const TopFrame before = frame(10, {silent});
  const TopFrame now = frame(11, {running("alpha", 5'200, 1'000'000)});
  EXPECT_THAT(format_top(&before, now, 80), HasSubstr("   100  98.0M     0     -"));
  const TopFrame later = frame(12, {silent});
  EXPECT_THAT(format_top(&now, later, 80), HasSubstr("     -  96.0M     0     -"))
      << "less than before, and nothing";
}

TEST(FormatTop, ShowsWholeNamesWhereThereIsRoom) {
  const std::string first = "database-primary-in-rack-7-left";
  const std::string second = "database-primary-in-rack-7-back";
  const TopFrame now = frame(12, {running(first, 1, 1), lost(second)});
  const std::string wide = format_top(nullptr, now, 100);
  EXPECT_THAT(wide, HasSubstr("\n" + first + "  running "));
  EXPECT_THAT(wide, HasSubstr("\n" + second + "  lost "));
  const std::string narrow = format_top(nullptr, now, 80);
  EXPECT_THAT(narrow, HasSubstr("\ndatabase-..ck-7-left  running "));
  EXPECT_THAT(narrow, HasSubstr("\ndatabase-..ck-7-back  lost "));
  EXPECT_THAT(format_top(nullptr, now, 40), HasSubstr("\ndatab..-left  running "));
}

TEST(FormatTop, SaysThatAGuestIsSuspended) {
  TopFrame now = frame(12, {running("alpha", 1, 0)});
  now.machines[0].cells[0].view.status->view.suspended = true;
  EXPECT_THAT(format_top(nullptr, now, 80), HasSubstr("alpha  suspended "));
}

TEST(FormatTop, KeepsToTheWidthAndPrintsNoControlCharacters) {
  TopFrame now = frame(12, {running(std::string(60, 'x'), 1e18, 1e18), lost("beta")});
  now.machines[0].name = std::string(200, 'm');
  now.last_events["duo/" + std::string(60, 'x')] = "hint: \x1b[2J" + std::string(500, 'y');
  for (const std::size_t width : {1, 20, 80, 300}) {
    const std::string text = format_top(nullptr, now, width);
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), width);
  }
}

TEST(FormatTop, SaysWhenThereIsNothing) {
  EXPECT_EQ(format_top(nullptr, {}, 80), "no machine runs\n");
}

}  // namespace
}  // namespace hive::cli
