// What hive says and does when something is wrong around it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <vector>

#include "cellmon/cli/rpc_client.h"
#include "tests/kvm/run/hive_run.h"
#include "vmm/memory/layout.h"

namespace hive::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

/// Runs hive by the shell, with ARGUMENTS and redirections as a user types them; its exit status.
int shell(const TestMachine& machine, const std::string& arguments) {
  const std::string command = "HIVE_RUNTIME_DIR=" + (machine.folder() / "run").string() +
                              " timeout 30 bash -c '" HIVE_PROGRAM " " + arguments + "'";
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Faults, OfALostMonitorHaveARemedy) {
  TestMachine machine;
  for (const char* name : {"alpha", "beta"}) machine.add_cell(name, std::vector{micro::halt()});
  ASSERT_EQ(machine.up().status, 0);
  const pid_t monitor = machine.status("beta")["monitor_pid"].get<int>();
  ::kill(monitor, SIGKILL);
  EXPECT_TRUE(await_end(monitor));
  for (const char* command : {"reboot", "pause", "console"}) {
    const Output output = machine.hive({command, machine.name() + "/beta"});
    EXPECT_EQ(output.status, 1);
    EXPECT_THAT(output.err, AllOf(HasSubstr("its monitor is gone"),
                                  HasSubstr("hive down " + machine.name()), HasSubstr("hive up")));
  }
  EXPECT_EQ(machine.hive({"down", machine.name(), "--force"}).status, 0);
  EXPECT_EQ(machine.up().status, 0);
}

TEST(Faults, DoNotLockTheOwnerOut) {
  TestMachine machine;
  machine.add_cell("alpha", std::vector{micro::halt()});
  ASSERT_EQ(machine.up().status, 0);
  std::vector<cli::RpcClient> idle;
  for (int i = 0; i < 40; ++i) {
    auto client = cli::RpcClient::connect({::geteuid(), machine.name(), "alpha"});
    ASSERT_TRUE(client.has_value());
    idle.push_back(std::move(*client));
  }
  EXPECT_EQ(machine.status("alpha")["state"], "running");
  EXPECT_EQ(machine.hive({"pause", machine.name() + "/alpha"}).status, 0);
  EXPECT_EQ(machine.hive({"down", machine.name(), "--force"}).status, 0);
}

TEST(Faults, OfAGuestThatResetsAgainAndAgainCostLittle) {
  TestMachine machine;
  machine.add_cell(
      "alpha", std::vector{micro::out(1, memory::layout::kResetPort, memory::layout::kResetValue)});
  machine.hive({"up", machine.plan_file(), "--detach"});
  ::sleep(4);  // Starts at 0 s twice, at 1 s and at 3 s.
  EXPECT_LE(machine.status("alpha")["incarnation"].get<int>(), 5);
  EXPECT_TRUE(comes([&] { return machine.status("alpha")["incarnation"] >= 2; }));
  EXPECT_TRUE(comes([&] {
    const std::string story = machine.hive({"events", machine.name()}).out;
    return story.find("restart-delayed: ") != std::string::npos;
  }));
  const int before = machine.status("alpha")["incarnation"].get<int>();
  EXPECT_EQ(machine.hive({"reboot", machine.name() + "/alpha", "--detach"}).status, 0);
  EXPECT_GT(machine.status("alpha")["incarnation"].get<int>(), before);
  EXPECT_EQ(machine.hive({"down", machine.name(), "--force"}).status, 0);
}

TEST(Faults, DoNotMakeOneSignalOfTimeoutTwoWishes) {
  for (const int microseconds : {0, 200, 1000, 5000, 20'000}) {
    TestMachine machine;
    for (const char* name : {"alpha", "beta", "gamma"}) {
      machine.add_cell(name, std::vector{micro::halt()}, true);
    }
    const pid_t up = machine.start({"up", machine.plan_file()});
    for (const char* name : {"alpha", "beta", "gamma"}) machine.await(name, "booting");
    ::kill(up, SIGTERM);
    ::usleep(static_cast<useconds_t>(microseconds));
    ::kill(up, SIGTERM);
    EXPECT_TRUE(await_end(up));
    ::waitpid(up, nullptr, 0);
    EXPECT_THAT(machine.sockets(), IsEmpty());
    EXPECT_THAT(machine.files(), IsEmpty()) << microseconds;
  }
}

TEST(Faults, OfTheOutputAreTold) {
  TestMachine machine;
  machine.add_cell("alpha", std::vector{micro::halt()});
  const std::string plan = machine.plan_file();
  const auto err = machine.folder() / "err";
  for (const std::string& command : {std::string("status"), "check " + plan, std::string("host")}) {
    EXPECT_EQ(shell(machine, command + " > /dev/full 2> " + err.string()), 1) << command;
    EXPECT_THAT(text_of(err), HasSubstr("hive: cannot write the output: No space left on device"));
  }
}

TEST(Faults, OfACommandsNameAreTold) {
  const TestMachine machine;
  const Output output = machine.hive({"stauts"});
  EXPECT_EQ(output.status, 2);
  EXPECT_EQ(output.err, "hive: unknown command 'stauts'; did you mean 'status'?\n");
  EXPECT_THAT(machine.hive({"status", "--jsno"}).err,
              AllOf(testing::StartsWith("hive: "), HasSubstr("--jsno")));
}

TEST(Faults, OfPipesDoNotHang) {
  TestMachine machine;
  machine.add_cell("alpha", std::vector{micro::halt()});
  const std::string plan = machine.plan_file();
  EXPECT_EQ(shell(machine, "check <(cat " + plan + ")"), 0);
  EXPECT_EQ(shell(machine, "check /dev/stdin < <(cat " + plan + ")"), 0);
  const auto pipe = machine.folder() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const Output output = machine.hive({"check", pipe.string()});
  EXPECT_EQ(output.status, 2);
  EXPECT_THAT(output.err, HasSubstr("its end has not come within 5 s"));
}

}  // namespace
}  // namespace hive::test
