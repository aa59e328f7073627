// Monitors that are started for a cell that had one before.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <sstream>

#include "cellmon/wire/local_socket.h"
#include "tests/unit/control/test_cell.h"

namespace hive::control {
namespace {

using testing::HasSubstr;
using wire::CellState;

plan::Machine machine_of(const wire::CellAddress& address) {
  plan::Machine machine;
  machine.name = address.machine;
  plan::Cell cell;
  cell.name = address.cell;
  cell.memory = 2 << 20;
  cell.cid = 3;
  cell.kernel = "/kernel";
  machine.cells = {cell};
  return machine;
}

Origin later() {
  Origin origin;
  origin.life = 7;
  origin.end_limit = std::chrono::milliseconds(30);
  return origin;
}

std::string failure_of(const plan::Machine& machine, const std::string& folder, Origin origin) {
  try {
    const Service service(machine, machine.cells[0], folder, HIVE_FAKE_VMM, std::move(origin));
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

TEST(LaterMonitor, EndsWhereTheCellHasOneThatLives) {
  const TestFolder folder;
  const TestCell cell("report started", false);
  cell.await(CellState::kRunning);
  EXPECT_THAT(failure_of(machine_of(cell.address()), folder.path(), later()),
              HasSubstr("has a monitor, or the VMM of an earlier one, that does not end"));
  EXPECT_FALSE(std::filesystem::exists(folder.path() + "/" + cell.address().machine));
  EXPECT_EQ(cell.await(CellState::kRunning).incarnation, 1U);
}

TEST(LaterMonitor, EndsWhereItsMachineHasGoneDownMeanwhile) {
  const TestFolder folder;
  const wire::CellAddress address{::geteuid(), "alone-" + std::to_string(::getpid()), "alpha"};
  plan::Machine machine = machine_of(address);
  machine.cells.push_back(machine.cells.front());
  machine.cells.back().name = "beta";
  EXPECT_THAT(failure_of(machine, folder.path(), later()), HasSubstr("has ended"));
  EXPECT_FALSE(std::filesystem::exists(folder.path() + "/" + address.machine));
  const UniqueFd beta = wire::listen_abstract(
      wire::mesh_socket_name({address.uid, address.machine, "beta"}), SOCK_SEQPACKET);
  EXPECT_EQ(failure_of(machine, folder.path(), later()), "");
}

TEST(LaterMonitor, AwaitsTheEndOfAnEarlierVmm) {
  const TestFolder folder;
  const wire::CellAddress address{::geteuid(), "linger-" + std::to_string(::getpid()), "alpha"};
  const plan::Machine machine = machine_of(address);
  UniqueFd held = wire::try_hold_abstract(wire::life_socket_name(address));
  ASSERT_TRUE(held);
  Origin first;
  first.end_limit = std::chrono::milliseconds(30);
  EXPECT_THAT(failure_of(machine, folder.path(), std::move(first)), HasSubstr("does not end"));
  EXPECT_THAT(failure_of(machine, folder.path(), later()), HasSubstr("does not end"));
  held.reset();
  EXPECT_EQ(failure_of(machine, folder.path(), later()), "");
}

/// Whether process PID has the socket NAME.
bool holds(pid_t pid, const std::string& name) {
  std::ifstream table("/proc/net/unix");
  std::string inode;
  for (std::string line; std::getline(table, line);) {
    if (!line.ends_with(" @" + name)) continue;
    std::istringstream words(line);
    for (int word = 0; word < 7; ++word) words >> inode;
  }
  if (inode.empty()) return false;
  const std::string folder = "/proc/" + std::to_string(pid) + "/fd";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry, gone) == "socket:[" + inode + "]") return true;
  }
  return false;
}

TEST(LaterMonitor, SeesAnEarlierVmmByTheNameThatItHolds) {
  const TestCell cell("report started", false);
  const auto vmm = static_cast<pid_t>(cell.await(CellState::kRunning).vmm_pid);
  EXPECT_TRUE(holds(vmm, wire::life_socket_name(cell.address())));
}

TEST(LaterMonitor, GoesOnWithTheFilesOfTheOneBefore) {
  const TestFolder folder;
  const wire::CellAddress address{::geteuid(), "files-" + std::to_string(::getpid()), "alpha"};
  const plan::Machine machine = machine_of(address);
  const std::string path = folder.path() + "/" + machine.name;
  std::filesystem::create_directory(path);
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  std::ofstream(path + "/alpha.log") << "before\n";
  const Service service(machine, machine.cells[0], folder.path(), HIVE_FAKE_VMM, later());
  std::ifstream log(path + "/alpha.log");
  const std::string text{std::istreambuf_iterator<char>(log), {}};
  EXPECT_EQ(text.substr(0, 7), "before\n");
}

}  // namespace
}  // namespace hive::control
