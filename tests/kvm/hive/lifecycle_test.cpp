// Machines from `hive up` to `hive down`, over real VMMs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>

#include "cellmon/cli/rpc_client.h"
#include "tests/kvm/harness/micro_disk.h"
#include "tests/kvm/run/hive_run.h"
#include "tests/support/fuse_file.h"
#include "vmm/base/units.h"
#include "vmm/memory/layout.h"

namespace hive::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint64_t kAWhile = 300'000'000;  // Ticks of the TSC.

std::vector<micro::Action> idle() { return {micro::halt()}; }

/// Lets the machine come up, then performs ACTION.
std::vector<micro::Action> after_a_while(micro::Action action) {
  return {micro::wait(4, HIVE_MICRO_FREE, 1, kAWhile), action};
}

micro::Action power_off() {
  return micro::out(1, memory::layout::kSleepControl, memory::layout::kSleepOff);
}

pid_t pid_of(const nlohmann::json& status, const char* key) {
  return static_cast<pid_t>(status[key].get<int>());
}

TEST(Machine, ComesUpIsSeenAndGoesDown) {
  TestMachine machine;
  for (const char* name : {"alpha", "beta", "gamma"}) machine.add_cell(name, idle());
  const Output up = machine.up();
  EXPECT_EQ(up.status, 0) << up.err;
  EXPECT_THAT(up.out, AllOf(HasSubstr("alpha: running"), HasSubstr("beta: running"),
                            HasSubstr("gamma: running")));
  for (const char* name : {"alpha", "beta", "gamma"}) {
    EXPECT_EQ(machine.status(name)["state"], "running");
  }
  // A connection has its listener's name, and is no further cell.
  const auto client = cli::RpcClient::connect({::geteuid(), machine.name(), "beta"});
  ASSERT_TRUE(client.has_value());
  EXPECT_THAT(machine.sockets(), SizeIs(3));
  const pid_t monitor = pid_of(machine.status("beta"), "monitor_pid");
  const pid_t vmm = pid_of(machine.status("beta"), "vmm_pid");

  const Output down = machine.hive({"down", machine.name(), "--force"});
  EXPECT_EQ(down.status, 0) << down.err;
  EXPECT_THAT(machine.sockets(), IsEmpty());
  EXPECT_THAT(machine.files(), IsEmpty());
  EXPECT_FALSE(is_alive(monitor));
  EXPECT_FALSE(is_alive(vmm));
}

TEST(Machine, IsStartedOnce) {
  TestMachine machine;
  machine.add_cell("alpha", idle());
  ASSERT_EQ(machine.up().status, 0);
  const Output again = machine.up();
  EXPECT_EQ(again.status, 1);
  EXPECT_THAT(again.err, HasSubstr("runs already"));
  EXPECT_EQ(machine.status("alpha")["state"], "running");
}

TEST(Machine, EndsEachGuestInItsState) {
  TestMachine machine;
  machine.add_cell("off", after_a_while(power_off()));
  machine.add_cell("panic", after_a_while(micro::out(1, memory::layout::kPvpanicPort.start, 1)));
  machine.add_cell("triple", after_a_while(micro::triple_fault()));
  machine.add_cell("well", idle());
  ASSERT_EQ(machine.up().status, 0);
  EXPECT_EQ(machine.await("off", "off")["vmm_pid"], 0);
  machine.await("panic", "panicked");
  EXPECT_EQ(machine.await("triple", "failed")["cause"], "triple fault");
  EXPECT_EQ(machine.status("well")["state"], "running");

  EXPECT_EQ(machine.hive({"reboot", machine.name() + "/off"}).status, 0);
  EXPECT_EQ(machine.await("off", "off")["incarnation"], 2);

  const Output down = machine.hive({"down", machine.name(), "--timeout", "0"});
  EXPECT_EQ(down.status, 0);
  EXPECT_THAT(down.out, AllOf(HasSubstr("off: stopped\n"), HasSubstr("triple: kept "),
                              HasSubstr("panic: kept ")));
}

TEST(Machine, RestartsAGuestThatResets) {
  TestMachine machine;
  machine.add_cell("alpha", after_a_while(micro::out(1, memory::layout::kResetPort,
                                                     memory::layout::kResetValue)));
  ASSERT_EQ(machine.up().status, 0);
  EXPECT_TRUE(comes([&] { return machine.status("alpha")["incarnation"] >= 3; }));
  EXPECT_THAT(machine.hive({"events", machine.name()}).out, HasSubstr("rebooting"));
}

TEST(Machine, KeepsItsConsole) {
  TestMachine machine;
  auto script = print("hello from the guest");
  script.push_back(micro::halt());
  machine.add_cell("alpha", script);
  ASSERT_EQ(machine.up().status, 0);
  EXPECT_TRUE(comes([&] { return machine.status("alpha")["console_line"] != ""; }));
  EXPECT_EQ(machine.status("alpha")["console_line"], "hello from the guest");
  EXPECT_EQ(machine.hive({"console", machine.name() + "/alpha", "--dump"}).out,
            "hello from the guest\r\n");
}

TEST(Machine, PausesAndResumes) {
  TestMachine machine;
  machine.add_cell("alpha", idle());
  machine.add_cell("beta", after_a_while(power_off()));
  ASSERT_EQ(machine.up().status, 0);
  EXPECT_EQ(machine.hive({"pause", machine.name() + "/alpha"}).status, 0);
  EXPECT_EQ(machine.status("alpha")["state"], "paused");
  EXPECT_EQ(machine.hive({"resume", machine.name() + "/alpha"}).status, 0);
  EXPECT_EQ(machine.status("alpha")["state"], "running");
  machine.await("beta", "off");
  EXPECT_EQ(machine.hive({"pause", machine.name() + "/beta"}).status, 1);
}

TEST(Machine, SeesTheEndOfAGuestWhoseDiskHangs) {
  const std::string why = FuseFile::unavailable();
  if (!why.empty()) GTEST_SKIP() << why;
  FuseFile file(kPageSize);
  TestMachine machine;
  const MicroDisk disk{HIVE_MICRO_FREE + kPageSize};
  std::vector<micro::Action> script =
      after_a_while(micro::wait(4, HIVE_MICRO_FREE, 1, 40 * kAWhile));
  MicroDisk::append(script, disk.read());
  MicroDisk::append(script, after_a_while(power_off()));
  machine.add_cell("alpha", script, false, "disks: [{path: " + file.path() + "}]");
  const Output up = machine.up();
  ASSERT_EQ(up.status, 0) << up.err;
  file.stop();
  ASSERT_THAT(file.operations(), IsEmpty()) << "too late";
  EXPECT_TRUE(comes([&] { return machine.status("alpha")["state"] != "running"; }))
      << "the disk hides the end";
  EXPECT_EQ(machine.await("alpha", "off")["vmm_pid"], 0);
}

TEST(Machine, TakesEverythingDownWhenACellCannotStart) {
  TestMachine machine;
  machine.add_cell("alpha", idle());
  machine.add_cell("beta", "kernel: /etc/passwd, agent: false");
  for (const std::vector<std::string>& options : {std::vector<std::string>{}, {"--detach"}}) {
    const Output up = machine.refusal(options);
    EXPECT_THAT(up.status, testing::AnyOf(1, 2));
    EXPECT_THAT(up.err, HasSubstr("/etc/passwd"));
    EXPECT_THAT(machine.sockets(), IsEmpty());
    EXPECT_THAT(machine.files(), IsEmpty());
  }
}

TEST(Machine, GivesUpOnAGuestThatIsNotUpInTime) {
  TestMachine machine;
  machine.add_cell("alpha", print("stuck here"), true);
  const Output up = machine.up({"--timeout", "3"});
  EXPECT_EQ(up.status, 1);
  EXPECT_THAT(up.err, AllOf(HasSubstr("not up in time"), HasSubstr("stuck here")));
  EXPECT_THAT(machine.sockets(), IsEmpty());
  EXPECT_THAT(machine.files(), IsEmpty());
}

TEST(Machine, BootsOnBehindADetachedStart) {
  TestMachine machine;
  machine.add_cell("alpha", idle(), true);
  ASSERT_EQ(machine.up({"--detach"}).status, 0);
  EXPECT_EQ(machine.status("alpha")["state"], "booting");
  const Output exec = machine.hive({"exec", machine.name() + "/alpha", "--", "ls"});
  EXPECT_EQ(exec.status, 1);
  EXPECT_THAT(exec.err, HasSubstr("agent is not up"));
}

TEST(Machine, IsTakenDownWhenItsStartIsInterrupted) {
  TestMachine machine;
  machine.add_cell("alpha", idle(), true);
  machine.add_cell("beta", idle(), true);
  const pid_t up = machine.start({"up", machine.plan_file()});
  machine.await("beta", "booting");
  const pid_t vmm = pid_of(machine.await("alpha", "booting"), "vmm_pid");
  ::kill(up, SIGINT);
  int status = 0;
  ::waitpid(up, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1);
  EXPECT_FALSE(is_alive(vmm));
  EXPECT_THAT(machine.sockets(), IsEmpty());
  EXPECT_THAT(machine.files(), IsEmpty());
}

TEST(Machine, IsTakenDownAtOnceOnASecondSignal) {
  TestMachine machine;
  for (const char* name : {"alpha", "beta", "gamma"}) machine.add_cell(name, idle(), true);
  const pid_t up = machine.start({"up", machine.plan_file()});
  std::vector<nlohmann::json> cells;
  for (const char* name : {"alpha", "beta", "gamma"}) {
    cells.push_back(machine.await(name, "booting"));
  }
  for (const nlohmann::json& cell : cells) ::kill(pid_of(cell, "monitor_pid"), SIGSTOP);
  ::kill(up, SIGINT);
  ::sleep(1);
  EXPECT_TRUE(is_alive(up)) << "monitors that hang have some time";
  ::kill(up, SIGINT);
  EXPECT_TRUE(await_end(up, std::chrono::seconds(15))) << "it waits for monitors that hang";
  ::kill(up, SIGKILL);
  ::waitpid(up, nullptr, 0);
  for (const nlohmann::json& cell : cells) {
    EXPECT_TRUE(await_end(pid_of(cell, "vmm_pid")));
    ::kill(pid_of(cell, "monitor_pid"), SIGCONT);
  }
}

TEST(Machine, HandsItsLogLevelToItsVmms) {
  for (const char* level : {"info", "off"}) {
    ::setenv("HIVE_LOG", level, 1);
    TestMachine machine;
    machine.add_cell("alpha", idle());
    EXPECT_EQ(machine.up().status, 0);
    std::ifstream file(machine.status("alpha")["log_file"].get<std::string>());
    const std::string log{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(log.find("VMM says: ") == std::string::npos, std::string(level) == "off") << log;
  }
  ::setenv("HIVE_LOG", "loud", 1);
  TestMachine machine;
  machine.add_cell("alpha", idle());
  const Output up = machine.up();
  EXPECT_EQ(up.status, 2);
  EXPECT_THAT(up.err, HasSubstr("HIVE_LOG"));
  ::unsetenv("HIVE_LOG");
}

TEST(Machine, DoesNotNeedItsStarter) {
  TestMachine machine;
  machine.add_cell("alpha", idle(), true);
  const pid_t up = machine.start({"up", machine.plan_file()});
  machine.await("alpha", "booting");
  ::kill(up, SIGKILL);
  ::waitpid(up, nullptr, 0);
  EXPECT_EQ(machine.status("alpha")["state"], "booting");
  EXPECT_EQ(machine.hive({"down", machine.name(), "--force"}).status, 0);
  EXPECT_THAT(machine.sockets(), IsEmpty());
}

TEST(Machine, SurvivesTheDeathOfAMonitor) {
  TestMachine machine;
  for (const char* name : {"alpha", "beta", "gamma"}) machine.add_cell(name, idle());
  ASSERT_EQ(machine.up().status, 0);
  const nlohmann::json beta = machine.status("beta");
  const nlohmann::json gamma = machine.status("gamma");
  ::kill(pid_of(beta, "monitor_pid"), SIGKILL);
  EXPECT_TRUE(await_end(pid_of(beta, "monitor_pid")));
  EXPECT_TRUE(await_end(pid_of(beta, "vmm_pid"))) << "an orphan";
  EXPECT_THAT(machine.sockets(), SizeIs(2));
  EXPECT_EQ(machine.status("beta")["state"], "lost");
  EXPECT_THAT(machine.hive({"status"}).out, HasSubstr("monitor lost"));
  for (const char* name : {"alpha", "gamma"}) {
    EXPECT_EQ(machine.status(name)["state"], "running");
  }
  EXPECT_EQ(machine.status("gamma")["vmm_pid"], gamma["vmm_pid"]);
  EXPECT_EQ(machine.hive({"down", machine.name(), "--force"}).status, 0);
  EXPECT_THAT(machine.sockets(), IsEmpty());
  // The name is free again, whatever the dead monitor left.
  EXPECT_EQ(machine.up().status, 0);
  EXPECT_EQ(machine.hive({"down", machine.name(), "--force"}).status, 0);
  EXPECT_THAT(machine.files(), IsEmpty());
}

TEST(Machine, SurvivesTheDeathOfAVmm) {
  TestMachine machine;
  for (const char* name : {"alpha", "beta"}) machine.add_cell(name, idle());
  ASSERT_EQ(machine.up().status, 0);
  ::kill(pid_of(machine.status("beta"), "vmm_pid"), SIGKILL);
  EXPECT_EQ(machine.await("beta", "failed")["cause"], "VMM exited: signal 9");
  EXPECT_EQ(machine.status("alpha")["state"], "running");
  EXPECT_EQ(machine.hive({"reboot", machine.name() + "/beta"}).status, 0);
  EXPECT_EQ(machine.status("beta")["state"], "running");
}

TEST(Machine, EndsAMonitorThatHangs) {
  TestMachine machine;
  machine.add_cell("alpha", idle());
  ASSERT_EQ(machine.up().status, 0);
  const nlohmann::json alpha = machine.status("alpha");
  ::kill(pid_of(alpha, "monitor_pid"), SIGSTOP);
  EXPECT_EQ(machine.status("alpha")["cause"], "monitor does not answer");
  EXPECT_EQ(machine.hive({"down", machine.name(), "--force"}).status, 0);
  EXPECT_TRUE(await_end(pid_of(alpha, "vmm_pid")));
  EXPECT_THAT(machine.sockets(), IsEmpty());
}

TEST(Machine, StreamsEvents) {
  TestMachine machine;
  machine.add_cell("alpha", after_a_while(power_off()));
  ASSERT_EQ(machine.up().status, 0);
  machine.await("alpha", "off");
  const Output events = machine.hive({"events", machine.name(), "--json"});
  EXPECT_EQ(events.status, 0);
  std::vector<std::string> kinds;
  std::istringstream lines(events.out);
  for (std::string line; std::getline(lines, line);) {
    kinds.push_back(nlohmann::json::parse(line)["kind"]);
  }
  EXPECT_THAT(kinds, testing::ElementsAre("starting", "running", "stopping", "off"));
}

TEST(CommandLine, TellsUsageFromFailure) {
  const TestMachine machine;
  EXPECT_EQ(machine.hive({}).status, 2);
  EXPECT_EQ(machine.hive({"explode"}).status, 2);
  EXPECT_EQ(machine.hive({"--help"}).status, 0);
  EXPECT_EQ(machine.hive({"up", "/no/such/plan.yaml"}).status, 2);
  EXPECT_EQ(machine.hive({"down", machine.name()}).status, 1);
  EXPECT_EQ(machine.hive({"exec", "no-such-cell", "--", "ls"}).status, 1);
  EXPECT_EQ(machine.hive({"console"}).status, 2);
  EXPECT_EQ(machine.hive({"down", "no-such", "--timeout", "1e300"}).status, 2);
}

TEST(CommandLine, AsksWhichCellIsMeant) {
  TestMachine one;
  TestMachine two;
  for (TestMachine* machine : {&one, &two}) {
    machine->add_cell("alpha", idle());
    ASSERT_EQ(machine->up().status, 0);
  }
  const Output pause = one.hive({"pause", "alpha"});
  EXPECT_EQ(pause.status, 2);
  EXPECT_THAT(pause.err, AllOf(HasSubstr(one.name() + "/alpha"), HasSubstr(two.name() + "/alpha")));
  EXPECT_EQ(one.hive({"pause", two.name() + "/alpha"}).status, 0);
  EXPECT_EQ(one.status("alpha")["state"], "running");
  EXPECT_EQ(two.status("alpha")["state"], "paused");
  EXPECT_EQ(one.hive({"down"}).status, 2);
}

}  // namespace
}  // namespace hive::test
