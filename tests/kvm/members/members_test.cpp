// Cells that fail, and what the monitors of the others make of it, over real VMMs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "cellmon/cli/check_file.h"
#include "cellmon/cli/monitor_launch.h"
#include "tests/kvm/run/machine_test.h"
#include "vmm/memory/layout.h"
#include "vmm/plan/json.h"

namespace hive::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr std::uint64_t kAWhile = 300'000'000;  // Ticks of the TSC.

/// Three cells, of which beta performs SCRIPT and has KEYS, and the others do nothing.
class Members : public MachineTest {
 protected:
  void start(const std::vector<micro::Action>& script = {micro::halt()},
             const std::string& keys = {}) {
    machine_.add_cell("alpha", std::vector{micro::halt()});
    machine_.add_cell("beta", script, false, keys);
    machine_.add_cell("gamma", std::vector{micro::halt()});
    bring_up();
  }

  [[nodiscard]] pid_t pid(const std::string& cell, const char* key) const {
    return static_cast<pid_t>(machine_.status(cell)[key].get<int>());
  }

  /// Waits until CELL knows a view of EPOCH, or patience ends; its members then.
  [[nodiscard]] std::vector<std::string> members(const std::string& cell, unsigned epoch) const {
    nlohmann::json now;
    for (int tries = 0; tries < 6000; ++tries) {
      now = machine_.status(cell);
      if (now.is_object() && now.contains("view") && now["view"]["epoch"] >= epoch) break;
      ::usleep(10'000);
    }
    return members_of(now);
  }

  void expect_survivors() const {
    for (const char* cell : {"alpha", "gamma"}) {
      EXPECT_THAT(members(cell, 2), ElementsAre("alpha 1", "gamma 1"));
      const nlohmann::json status = machine_.status(cell);
      EXPECT_EQ(status["state"], "running");
      EXPECT_EQ(status["incarnation"], 1);
    }
    EXPECT_THAT(machine_.hive({"status", machine_.name()}).out, HasSubstr("epoch 2: alpha, gamma"));
  }

  void expect_return(unsigned incarnation) const {
    const Output reboot = machine_.hive({"reboot", machine_.name() + "/beta"});
    EXPECT_EQ(reboot.status, 0) << reboot.err;
    for (const char* cell : {"alpha", "beta", "gamma"}) {
      EXPECT_THAT(members(cell, 3),
                  ElementsAre("alpha 1", "beta " + std::to_string(incarnation), "gamma 1"));
    }
    EXPECT_EQ(machine_.await("beta", "running")["incarnation"], incarnation);
  }

  /// Whether calls by vsock go from CELL to PEER.
  [[nodiscard]] bool is_up(const std::string& cell, const std::string& peer) const {
    const auto json = nlohmann::json::parse(machine_.hive({"rpc", machine_.name(), "--json"}).out);
    for (const auto& each : json["machines"][0]["cells"]) {
      if (each["cell"] != cell) continue;
      for (const auto& other : each["peers"]) {
        if (other["cell"] == peer) return other["up"];
      }
    }
    ADD_FAILURE() << cell << " does not know " << peer << ": " << json;
    return false;
  }
};

TEST_F(Members, GoOnWithoutACellThatPanics) {
  start({micro::wait(4, HIVE_MICRO_FREE, 1, kAWhile),
         micro::out(1, memory::layout::kPvpanicPort.start, 1)});
  expect_survivors();
  EXPECT_EQ(machine_.await("beta", "panicked")["view"]["member"], false);
  EXPECT_THAT(story(), AllOf(HasSubstr("beta: panic"), HasSubstr("about beta"),
                             HasSubstr("beta failed (panic)"), HasSubstr("beta left"),
                             HasSubstr("resumed: the guest was ")));
}

TEST_F(Members, TakeACellBackThatLostItsVmm) {
  start();
  ::kill(pid("beta", "vmm_pid"), SIGKILL);
  expect_survivors();
  machine_.await("beta", "failed");
  expect_return(2);
  EXPECT_THAT(story(), HasSubstr("beta joined"));
}

TEST_F(Members, BringACellBackThatIsToBeStartedAnew) {
  start({micro::halt()}, "on_failure: reboot");
  ::kill(pid("beta", "vmm_pid"), SIGKILL);
  for (const char* cell : {"alpha", "beta", "gamma"}) {
    EXPECT_THAT(members(cell, 3), ElementsAre("alpha 1", "beta 2", "gamma 1"));
  }
  EXPECT_EQ(machine_.await("beta", "running")["incarnation"], 2);
  EXPECT_THAT(story(), AllOf(HasSubstr("recovered: epoch 2: "), HasSubstr("beta joined")));
}

TEST_F(Members, GoOnWithoutAMonitorThatIsKilled) {
  start();
  ::kill(pid("beta", "monitor_pid"), SIGKILL);
  expect_survivors();
  EXPECT_THAT(story(), HasSubstr("beta failed (monitor's death)"));
}

TEST_F(Members, TakeALaterMonitorIn) {
  start();
  ::kill(pid("beta", "monitor_pid"), SIGKILL);
  expect_survivors();
  const auto life = std::chrono::steady_clock::now().time_since_epoch().count();
  cli::LaunchedMonitor later =
      cli::launch_monitor(std::filesystem::path(HIVE_PROGRAM).parent_path() / "hive-cellmon",
                          plan::to_json(cli::check_file(machine_.plan_file()).value()), 1,
                          machine_.folder() / "run", static_cast<std::uint64_t>(life));
  EXPECT_EQ(machine_.await("beta", "running")["incarnation"], 2);
  for (const char* cell : {"alpha", "beta", "gamma"}) {
    EXPECT_THAT(members(cell, 3), ElementsAre("alpha 1", "beta 2", "gamma 1"));
  }
  EXPECT_EQ(machine_.hive({"down", machine_.name(), "--force"}).status, 0);
  ::waitpid(later.pid, nullptr, 0);
  EXPECT_THAT(machine_.sockets(), testing::IsEmpty());
}

TEST_F(Members, GoOnWithoutAMonitorThatHangs) {
  start();
  const pid_t monitor = pid("beta", "monitor_pid");
  const pid_t vmm = pid("beta", "vmm_pid");
  EXPECT_TRUE(comes([this] { return is_up("alpha", "beta"); }));
  ::kill(monitor, SIGSTOP);
  expect_survivors();
  EXPECT_TRUE(is_alive(vmm));
  EXPECT_FALSE(is_up("alpha", "beta")) << "it could still reach alpha";
  const Output events = machine_.hive({"events", machine_.name()});
  EXPECT_EQ(events.status, 1);
  EXPECT_THAT(events.err, HasSubstr("beta: its monitor does not answer"));
  EXPECT_THAT(events.out, HasSubstr("view: epoch 2: alpha, gamma; beta left"));
  ::kill(monitor, SIGCONT);
  EXPECT_THAT(machine_.await("beta", "failed")["cause"].get<std::string>(),
              HasSubstr("the other cells agreed"));
  expect_return(2);
}

TEST_F(Members, RaiseNoAlertAboutWhatIsAskedFor) {
  start();
  EXPECT_EQ(machine_.hive({"pause", machine_.name() + "/beta"}).status, 0);
  EXPECT_EQ(machine_.hive({"resume", machine_.name() + "/beta"}).status, 0);
  EXPECT_EQ(machine_.hive({"reboot", machine_.name() + "/beta", "--force"}).status, 0);
  machine_.await("beta", "running");
  EXPECT_EQ(machine_.status("alpha")["view"]["epoch"], 1);
  EXPECT_THAT(story(), Not(HasSubstr("alert")));
}

}  // namespace
}  // namespace hive::test
