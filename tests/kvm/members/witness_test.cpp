// Machines of two cells and a witness, a monitor without a cell: two voters are left when any
// fails.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/kvm/run/contribution.h"
#include "tests/kvm/run/machine_test.h"

namespace hive::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class WitnessTest : public MachineTest {
 protected:
  void start(const std::string& witness, const std::string& keys = {}) {
    machine_.add_key("witness: " + witness);
    for (const char* cell : {"alpha", "beta"}) {
      machine_.add_cell(cell, std::vector{micro::halt()}, false, "on_failure: reboot" + keys);
    }
    bring_up();
  }
  ~WitnessTest() override {
    // Who was stopped cannot end.
    for (const pid_t pid : stopped_) {
      if (is_alive(pid)) ::kill(pid, SIGCONT);
    }
  }

  [[nodiscard]] pid_t monitor_of(const std::string& cell) const {
    return machine_.status(cell)["monitor_pid"].get<int>();
  }
  /// The witness's process, or -1: it is monitor 2 of a machine of two cells.
  [[nodiscard]] pid_t witness() const {
    for (const std::string& process : machine_.processes()) {
      std::ifstream file(process + "/cmdline", std::ios::binary);
      const std::string line{std::istreambuf_iterator<char>(file), {}};
      const std::string option = std::string("--cell") + '\0' + '2' + '\0';
      if (line.find(option) == std::string::npos) continue;
      const pid_t pid = std::stoi(process.substr(process.rfind('/') + 1));
      if (is_alive(pid)) return pid;
    }
    return -1;
  }
  void stop(pid_t pid) {
    ASSERT_GT(pid, 0) << "there is no such process";
    stopped_.push_back(pid);
    ::kill(pid, SIGSTOP);
  }

  /// "NAME INCARNATION" of each member that CELL knows.
  [[nodiscard]] std::string members(const std::string& cell) const {
    std::string names;
    for (const std::string& member : members_of(machine_.status(cell))) names += member + "; ";
    return names;
  }
  void expect_members(const std::string& wanted) {
    for (const char* cell : {"alpha", "beta"}) {
      EXPECT_TRUE(comes([&] { return members(cell) == wanted; })) << members(cell) << story();
      machine_.await(cell, "running");
    }
  }
  void take_down() const {
    const Output down = machine_.hive({"down", machine_.name(), "--force"});
    EXPECT_EQ(down.status, 0) << down.err;
  }
  void expect_clean_end() {
    take_down();
    EXPECT_THAT(machine_.processes(), IsEmpty()) << "down has waited for the witness";
    EXPECT_THAT(machine_.files(), IsEmpty());
  }

  std::vector<pid_t> stopped_;
};

TEST_F(WitnessTest, EndsWithItsMachine) {
  start("auto");
  expect_members("alpha 1; beta 1; witness 1; ");
  EXPECT_NE(witness(), -1);
  expect_clean_end();
}

TEST_F(WitnessTest, DecidesThatAHungMonitorGoes) {
  start("auto");
  expect_members("alpha 1; beta 1; witness 1; ");
  stop(monitor_of("beta"));
  expect_members("alpha 1; beta 2; witness 1; ");
  EXPECT_THAT(story(), AllOf(HasSubstr("beta left"), HasSubstr("replaced: beta")));
  expect_clean_end();
}

TEST_F(WitnessTest, IsReplacedWhenItDiesOrHangs) {
  start("auto");
  expect_members("alpha 1; beta 1; witness 1; ");
  const pid_t first = witness();
  ASSERT_GT(first, 0);
  ::kill(first, SIGKILL);
  expect_members("alpha 1; beta 1; witness 2; ");
  EXPECT_TRUE(comes([&] { return witness() != -1 && witness() != first; }));
  stop(witness());
  expect_members("alpha 1; beta 1; witness 3; ");
  expect_clean_end();
}

TEST_F(WitnessTest, IsLeftAloneWhereSomebodyEndsIt) {
  start("auto");
  expect_members("alpha 1; beta 1; witness 1; ");
  const pid_t first = witness();
  ASSERT_GT(first, 0);
  ::kill(first, SIGTERM);
  expect_members("alpha 1; beta 1; ");
  ::usleep(500'000);
  EXPECT_EQ(witness(), -1);
  expect_clean_end();
}

TEST_F(WitnessTest, IsKilledWhereItHangsAsTheMachineEnds) {
  start("auto");
  stop(witness());
  const Output down = machine_.hive({"down", machine_.name()});
  EXPECT_EQ(down.status, 0) << down.err;
  EXPECT_THAT(machine_.processes(), IsEmpty());
}

TEST_F(WitnessTest, OfAnEarlierRunDoesNotMeddleWithTheNextOne) {
  start("auto");
  const pid_t first = witness();
  ASSERT_GT(first, 0);
  stop(first);
  for (const char* cell : {"alpha", "beta"}) {
    const pid_t monitor = monitor_of(cell);
    ASSERT_GT(monitor, 0);
    ::kill(monitor, SIGKILL);
    ASSERT_TRUE(await_end(monitor));
  }
  const Output up = machine_.up();
  ASSERT_EQ(up.status, 0) << up.err;
  EXPECT_FALSE(is_alive(first));
  expect_members("alpha 1; beta 1; witness 1; ");
  expect_clean_end();
}

TEST_F(WitnessTest, BringsBothCellsBackWithWhatTheyShare) {
  start("auto", ", shared: 4MiB");
  expect_members("alpha 1; beta 1; witness 1; ");
  stop(monitor_of("alpha"));
  ASSERT_TRUE(comes([&] { return members("beta").find("alpha 1") == std::string::npos; }))
      << story();
  // Alpha's next monitor may be there or not.
  const pid_t beta = monitor_of("beta");
  ASSERT_GT(beta, 0);
  ::kill(beta, SIGKILL);
  ASSERT_TRUE(await_end(beta));
  EXPECT_TRUE(comes([&] {
    const std::string all = members("alpha");
    return all.find("alpha") != std::string::npos && all.find("beta") != std::string::npos;
  })) << members("alpha")
      << story();
  for (const char* cell : {"alpha", "beta"}) machine_.await(cell, "running");
  take_down();
  // A monitor that was about to start in place of one finds the machine gone, and ends at once.
  EXPECT_TRUE(comes([&] { return machine_.processes().empty(); }));
  EXPECT_THAT(machine_.files(), IsEmpty());
}

TEST_F(WitnessTest, LeavesTwoCellsWithAVetoEachWhereThereIsNone) {
  start("none");
  expect_members("alpha 1; beta 1; ");
  EXPECT_EQ(witness(), -1);
  const pid_t beta = monitor_of("beta");
  stop(beta);
  EXPECT_TRUE(comes([&] { return story().find("no-alert") != std::string::npos; })) << story();
  EXPECT_EQ(members("alpha"), "alpha 1; beta 1; ");
  ::kill(beta, SIGCONT);
  expect_members("alpha 1; beta 1; ");
  EXPECT_THAT(story(), Not(HasSubstr("beta left")));
  expect_clean_end();
}

}  // namespace
}  // namespace hive::test
