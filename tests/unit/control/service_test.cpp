#include "cellmon/control/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <fstream>

#include "cellmon/wire/local_socket.h"
#include "tests/unit/control/test_cell.h"

namespace hive::control {
namespace {

using testing::Contains;
using testing::HasSubstr;
using wire::CellState;

std::vector<std::string> event_kinds(TestClient& client) {
  std::vector<std::string> kinds;
  const Json page = client.call("events.list", Json::object());
  for (const Json& event : page["events"]) kinds.push_back(event["kind"]);
  return kinds;
}

TEST(Service, BringsACellUp) {
  const TestCell cell("report started; serial booting; agent");
  const wire::CellStatus status = cell.await(CellState::kRunning);
  EXPECT_TRUE(status.agent);
  EXPECT_EQ(status.kernel, "6.1.0-test");
  EXPECT_EQ(status.incarnation, 1U);
  EXPECT_GT(status.boot_ms, 0U);
  EXPECT_GT(status.vmm_pid, 0);
  EXPECT_EQ(status.monitor_pid, ::getpid());
  EXPECT_THAT(status.cells, testing::ElementsAre("alpha"));
  TestClient client = cell.connect();
  EXPECT_THAT(event_kinds(client),
              testing::ElementsAre("starting", "booting", "agent-up", "running"));
}

TEST(Service, GoesDownInOrderAndLeavesNothing) {
  TestCell cell("report started; agent");
  cell.await(CellState::kRunning);
  const auto folder = cell.machine_folder();
  EXPECT_TRUE(std::filesystem::exists(folder / "alpha.log"));
  EXPECT_TRUE(std::filesystem::exists(folder / "alpha.console"));
  TestClient client = cell.connect();
  const Json result = client.call("down", Json::object(), kPatience);
  EXPECT_EQ(result["clean"], true);
  EXPECT_TRUE(result["kept"].empty());
  cell.join();
  EXPECT_FALSE(std::filesystem::exists(folder));
  EXPECT_FALSE(RpcClient::connect(cell.address()).has_value());
}

TEST(Service, KillsAGuestThatDoesNotEndInTime) {
  TestCell cell("report started; deaf", false);
  const pid_t vmm = static_cast<pid_t>(cell.await(CellState::kRunning).vmm_pid);
  TestClient client = cell.connect();
  const Json result = client.call("down", {{"grace_ms", 50}}, kPatience);
  EXPECT_EQ(result["clean"], false);
  cell.join();
  EXPECT_NE(::kill(vmm, 0), 0) << "the VMM outlived its monitor";
}

TEST(Service, TellsWhyTheVmmDidNotStart) {
  const TestCell cell("report not-started no such kernel; exit 1");
  const wire::CellStatus status = cell.await(CellState::kFailed);
  EXPECT_EQ(status.cause, "not started: no such kernel");
  EXPECT_EQ(status.vmm_pid, 0);
}

TEST(Service, TellsThatTheVmmCannotBeExecuted) {
  const TestCell cell("", true, "/no/such/vmm");
  EXPECT_THAT(cell.await(CellState::kFailed).cause, HasSubstr("/no/such/vmm"));
}

TEST(Service, TellsHowAVmmVanished) {
  EXPECT_EQ(TestCell("report started; kill 9").await(CellState::kFailed).cause,
            "VMM exited: signal 9");
  EXPECT_EQ(TestCell("exit 7").await(CellState::kFailed).cause, "VMM exited: status 7");
}

TEST(Service, HandsOnTheLastWordsOfAGuest) {
  const TestCell cell("report started; serial last words; report off; exit 0", false);
  EXPECT_EQ(cell.await(CellState::kOff).console_line, "last words");
}

TEST(Service, KeepsTheFilesOfACellThatFailed) {
  TestCell cell("report started; serial oops; stderr the VMM's own words; kill 9");
  cell.await(CellState::kFailed);
  TestClient client = cell.connect();
  const Json result = client.call("down", Json::object(), kPatience);
  cell.join();
  const auto folder = cell.machine_folder();
  EXPECT_THAT(result["kept"], Contains((folder / "alpha.console").string()));
  EXPECT_THAT(result["kept"], Contains((folder / "alpha.log").string()));
  std::ifstream console(folder / "alpha.console");
  std::string line;
  std::getline(console, line);
  EXPECT_EQ(line, "oops\r");
  std::ifstream log(folder / "alpha.log");
  const std::string text{std::istreambuf_iterator<char>(log), {}};
  EXPECT_THAT(text, HasSubstr("VMM says: the VMM's own words"));
  EXPECT_THAT(text, HasSubstr("signal 9"));
}

TEST(Service, RemovesThemWhereThatIsAskedFor) {
  TestCell cell("report started; kill 9");
  cell.await(CellState::kFailed);
  TestClient client = cell.connect();
  client.call("down", {{"purge", true}}, kPatience);
  cell.join();
  EXPECT_FALSE(std::filesystem::exists(cell.machine_folder()));
}

TEST(Service, GivesTheVmmOnlyItsDescriptorsAndNoEnvironment) {
  ::setenv("HIVE_TEST_SECRET", "secret", 1);
  const TestCell cell("env; fds; serial end; report started");
  cell.await(CellState::kBooting);
  TestClient client = cell.connect();
  client.call("console.attach", Json::object());
  const std::string text = read_until(client, "end");
  EXPECT_THAT(text, HasSubstr("descriptors 0 1 2 3 4 5 6 9 10 12\r\n"));
  EXPECT_THAT(text, HasSubstr("environment\r\n"));
}

TEST(Service, RestartsAGuestThatResets) {
  const TestCell cell("report started; agent");
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  EXPECT_EQ(client.call("reboot", Json::object(), kPatience)["incarnation"], 2);
  EXPECT_EQ(cell.await(CellState::kRunning).incarnation, 2U);
  EXPECT_EQ(client.call("reboot", {{"force", true}}, kPatience)["incarnation"], 3);
  cell.await(CellState::kRunning);
  EXPECT_THAT(event_kinds(client), Contains("rebooting"));
}

TEST(Service, StartsACellThatHasEndedAnew) {
  const TestCell cell("report started; report off; exit 0", false);
  cell.await(CellState::kOff);
  TestClient client = cell.connect();
  EXPECT_EQ(client.call("reboot", Json::object(), kPatience)["incarnation"], 2);
}

TEST(Service, PausesAndResumes) {
  const TestCell cell("report started", false);
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  EXPECT_EQ(client.call("pause", Json::object())["state"], "paused");
  EXPECT_EQ(TestCell::status(client).state, CellState::kPaused);
  EXPECT_EQ(client.call("resume", Json::object())["state"], "running");
}

TEST(Service, RefusesToPauseWhatHasEnded) {
  const TestCell cell("report off; exit 0");
  cell.await(CellState::kOff);
  TestClient client = cell.connect();
  EXPECT_THROW(client.call("pause", Json::object()), Error);
}

TEST(Service, SurvivesAVmmThatTalksNonsense) {
  const TestCell cell(
      "raw {; raw []; raw {\"report\": 7}; report exploded; report paused; report started");
  const wire::CellStatus status = cell.await(CellState::kBooting);
  EXPECT_EQ(status.ignored_reports, 5U);
}

TEST(Service, SurvivesAnAgentThatTalksNonsense) {
  const TestCell cell("report started; garbage; serial still there");
  cell.await(CellState::kBooting);
  TestClient client = cell.connect();
  client.call("console.attach", Json::object());
  EXPECT_THAT(read_until(client, "there"), HasSubstr("still there"));
  EXPECT_FALSE(TestCell::status(client).agent);
}

TEST(Service, RefusesASecondMonitorOfACell) {
  const TestCell cell("report started");
  const wire::CellAddress address = cell.address();
  EXPECT_THROW(wire::listen_abstract(wire::socket_name(address)), Error);
}

TEST(Service, EndsItsVmmWhenItIsKilled) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t monitor = ::fork();
  if (monitor == 0) {
    TestCell cell("report started", false);
    const wire::CellStatus status = cell.await(CellState::kRunning);
    const auto vmm = static_cast<pid_t>(status.vmm_pid);
    if (::write(ready[1], &vmm, sizeof(vmm)) != sizeof(vmm)) ::_exit(1);
    ::pause();
  }
  pid_t vmm = 0;
  ASSERT_EQ(::read(ready[0], &vmm, sizeof(vmm)), static_cast<ssize_t>(sizeof(vmm)));
  ASSERT_EQ(::kill(vmm, 0), 0);
  ::kill(monitor, SIGKILL);
  ::waitpid(monitor, nullptr, 0);
  bool gone = false;
  for (int tries = 0; tries < 6000 && !gone; ++tries) {
    ::usleep(10'000);
    std::ifstream stat("/proc/" + std::to_string(vmm) + "/stat");
    std::string word;
    // Where nobody reaps orphans, the VMM stays as a zombie.
    gone = !(stat >> word >> word >> word) || word == "Z";
  }
  EXPECT_TRUE(gone);
}

}  // namespace
}  // namespace hive::control
