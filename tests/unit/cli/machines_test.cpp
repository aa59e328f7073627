#include "cellmon/cli/machines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>

#include "cellmon/cli/rpc_client.h"
#include "cellmon/wire/local_socket.h"
#include "vmm/base/error.h"
#include "vmm/base/unique_fd.h"

namespace hive::cli {
namespace {

using testing::HasSubstr;
using wire::CellAddress;

const std::vector<CellAddress> kCells{
    {0, "duo", "alpha"}, {0, "trio", "alpha"}, {0, "trio", "beta"}};

template <typename Call>
std::pair<std::string, Error::Kind> fault_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return {error.what(), error.kind()};
  }
  return {"no fault", Error::Kind::kFailed};
}

TEST(ChooseCell, TakesShortAndFullNames) {
  EXPECT_EQ(choose_cell("beta", kCells), kCells[2]);
  EXPECT_EQ(choose_cell("trio/alpha", kCells), kCells[1]);
}

TEST(ChooseCell, ListsWhatCouldBeMeant) {
  const auto [text, kind] = fault_of([] { choose_cell("alpha", kCells); });
  EXPECT_EQ(kind, Error::Kind::kUsage);
  EXPECT_THAT(text, HasSubstr("duo/alpha"));
  EXPECT_THAT(text, HasSubstr("trio/alpha"));
}

TEST(ChooseCell, ListsWhatThereIs) {
  EXPECT_THAT(fault_of([] { choose_cell("gamma", kCells); }).first, HasSubstr("trio/beta"));
  EXPECT_THAT(fault_of([] { choose_cell("gamma", {}); }).first, HasSubstr("no machine runs"));
}

TEST(ChooseMachine, NeedsNoNameWhereOneRuns) {
  EXPECT_EQ(choose_machine("", {kCells[1], kCells[2]}), "trio");
  EXPECT_EQ(choose_machine("duo", kCells), "duo");
  EXPECT_EQ(fault_of([] { choose_machine("", kCells); }).second, Error::Kind::kUsage);
  EXPECT_THAT(fault_of([] { choose_machine("solo", kCells); }).first, HasSubstr("does not run"));
  EXPECT_THAT(fault_of([] { choose_machine("", {}); }).first, HasSubstr("no machine runs"));
}

CellView view(const CellAddress& address, const std::vector<std::string>& planned) {
  CellView cell{address, wire::CellStatus{}, ""};
  cell.status->cells = planned;
  return cell;
}

// Each would be waited for, one after the other, for longer than the test allows.
TEST(LookAtMachines, WaitsForNoMonitorLongerThanForAll) {
  const std::string machine = "still-" + std::to_string(::getpid());
  std::vector<UniqueFd> monitors;
  for (int cell = 0; cell < 16; ++cell) {
    monitors.push_back(wire::listen_abstract(
        wire::socket_name({::geteuid(), machine, "cell" + std::to_string(cell)})));
  }
  const auto start = std::chrono::steady_clock::now();
  const auto machines = look_at_machines(machine);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 8 * RpcClient::kQuick);
  ASSERT_EQ(machines.size(), 1U);
  ASSERT_EQ(machines[0].cells.size(), monitors.size());
  for (const CellView& cell : machines[0].cells) EXPECT_EQ(cell.problem, "monitor does not answer");
}

TEST(GroupByMachine, AddsTheCellsWhoseMonitorsAreLost) {
  const auto machines =
      group_by_machine({view(kCells[2], {"gamma", "beta", "alpha"}), view(kCells[0], {"alpha"})});
  ASSERT_EQ(machines.size(), 2U);
  EXPECT_EQ(machines[0].name, "duo");
  ASSERT_EQ(machines[0].cells.size(), 1U);
  ASSERT_EQ(machines[1].cells.size(), 3U);
  EXPECT_EQ(machines[1].cells[0].address.cell, "gamma");
  EXPECT_EQ(machines[1].cells[0].problem, "monitor lost");
  EXPECT_EQ(machines[1].cells[1].address.cell, "beta");
  EXPECT_TRUE(machines[1].cells[1].status.has_value());
  EXPECT_EQ(machines[1].cells[2].problem, "monitor lost");
}

TEST(FindLost, TellsALostCellFromOneThatNeverWas) {
  const auto machines = group_by_machine({view(kCells[1], {"alpha", "beta"})});
  EXPECT_EQ(find_lost("beta", machines), kCells[2]);
  EXPECT_EQ(find_lost("trio/beta", machines), kCells[2]);
  EXPECT_EQ(find_lost("duo/beta", machines), std::nullopt);
  EXPECT_EQ(find_lost("alpha", machines), std::nullopt) << "it runs";
  EXPECT_EQ(find_lost("gamma", machines), std::nullopt);
}

TEST(GroupByMachine, ShowsWhatItCanWhenNoMonitorAnswers) {
  const auto machines = group_by_machine({{kCells[0], std::nullopt, "monitor does not answer"}});
  ASSERT_EQ(machines.size(), 1U);
  ASSERT_EQ(machines[0].cells.size(), 1U);
  EXPECT_EQ(machines[0].cells[0].problem, "monitor does not answer");
}

}  // namespace
}  // namespace hive::cli
