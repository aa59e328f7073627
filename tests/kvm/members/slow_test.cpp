// Monitors and VMMs that are slow, injected by the control socket: nobody takes that for a failure.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "tests/kvm/run/hive_run.h"

namespace hive::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// Whether HOLDS, within a minute.
bool comes(const std::function<bool()>& holds) {
  for (int tries = 0; tries < 6000 && !holds(); ++tries) ::usleep(10'000);
  return holds();
}

/// Whether process PID is stopped.
bool is_stopped(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::size_t name_end = text.rfind(')');
  return name_end != std::string::npos && text.substr(name_end).starts_with(") T");
}

/// Whether process PID runs for SECONDS without being stopped.
bool runs_for(pid_t pid, unsigned seconds) {
  for (unsigned tries = 0; tries < 200 * seconds; ++tries) {
    if (is_stopped(pid)) return false;
    ::usleep(5000);
  }
  return true;
}

/// Three cells at rest.
class Slow : public testing::Test {
 protected:
  void start() {
    machine_.add_key("faults: enabled");
    for (const char* cell : {"alpha", "beta", "gamma"}) {
      machine_.add_cell(cell, std::vector{micro::halt()}, false, "watchdog: 5s");
    }
    const Output up = machine_.up();
    ASSERT_EQ(up.status, 0) << up.err;
  }

  [[nodiscard]] Output inject(const std::string& cell, std::vector<std::string> words) const {
    words.insert(words.begin(), {"inject", machine_.name() + "/" + cell});
    return machine_.hive(words);
  }
  [[nodiscard]] std::string story() const { return machine_.hive({"events", machine_.name()}).out; }
  [[nodiscard]] bool tells(const std::string& what) const {
    return comes([&] { return story().find(what) != std::string::npos; });
  }
  [[nodiscard]] pid_t pid_of(const std::string& cell, const char* process) const {
    return machine_.status(cell)[process].get<pid_t>();
  }
  /// Another one's failure is agreed on and recovered from, with beta in it.
  void expect_recovery() const {
    EXPECT_EQ(inject("gamma", {"vmm-kill"}).status, 0);
    EXPECT_TRUE(tells("epoch 2: alpha, beta; gamma left"));
    EXPECT_TRUE(tells("recovered: epoch 2"));
  }
  /// And nothing else came of it.
  void expect_survivors() const {
    for (const char* cell : {"alpha", "beta"}) {
      const nlohmann::json status = machine_.await(cell, "running");
      EXPECT_EQ(status["incarnation"], 1) << cell;
      EXPECT_EQ(status["view"]["epoch"], 2) << cell;
    }
    EXPECT_THAT(story(), AllOf(Not(HasSubstr("beta failed")), Not(HasSubstr("beta left")),
                               Not(HasSubstr("dismissal"))));
  }

  TestMachine machine_;
};

TEST_F(Slow, MonitorsAreNoFailure) {
  start();
  const pid_t monitor = pid_of("beta", "monitor_pid");
  EXPECT_EQ(inject("beta", {"monitor-slow", "share=80", "period=500ms", "for=10s"}).status, 0);
  EXPECT_TRUE(comes([&] { return is_stopped(monitor); }));
  EXPECT_TRUE(comes([&] { return !is_stopped(monitor); }));
  EXPECT_TRUE(comes([&] { return is_stopped(monitor); })) << "again";
  expect_recovery();
  EXPECT_TRUE(comes([&] { return runs_for(monitor, 2); })) << "it ends";
  expect_survivors();
}

TEST_F(Slow, VmmsAreNoFailure) {
  start();
  const pid_t vmm = pid_of("beta", "vmm_pid");
  EXPECT_EQ(inject("beta", {"vmm-slow", "share=80", "period=500ms", "for=10s"}).status, 0);
  EXPECT_TRUE(comes([&] { return is_stopped(vmm); }));
  EXPECT_TRUE(comes([&] { return !is_stopped(vmm); }));
  EXPECT_TRUE(comes([&] { return is_stopped(vmm); })) << "again";
  expect_recovery();
  EXPECT_TRUE(comes([&] { return runs_for(vmm, 2); })) << "it ends";
  expect_survivors();
}

TEST_F(Slow, ProcessesAreSoUntilTheNextFaultOfTheirs) {
  start();
  const pid_t vmm = pid_of("beta", "vmm_pid");
  EXPECT_EQ(inject("beta", {"vmm-slow", "share=50"}).status, 0);
  EXPECT_TRUE(comes([&] { return is_stopped(vmm); }));
  EXPECT_EQ(inject("beta", {"vmm-stop", "for=300ms"}).status, 0);
  EXPECT_TRUE(comes([&] { return runs_for(vmm, 2); })) << "the last word counts";
  EXPECT_EQ(inject("beta", {"vmm-slow", "share=50"}).status, 0);
  EXPECT_EQ(machine_.hive({"down", machine_.name(), "--force"}).status, 0);
}

}  // namespace
}  // namespace hive::test
