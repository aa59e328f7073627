// Monitors and VMMs that are slow, injected by the control socket: nobody takes that for a failure.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/kvm/run/machine_test.h"

namespace hive::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// Whether process PID runs for SECONDS without being stopped.
bool runs_for(pid_t pid, unsigned seconds) {
  for (unsigned tries = 0; tries < 200 * seconds; ++tries) {
    if (is_stopped(pid)) return false;
    ::usleep(5000);
  }
  return true;
}

/// Three cells at rest.
class Slow : public MachineTest {
 protected:
  void start() {
    machine_.add_key("faults: enabled");
    for (const char* cell : {"alpha", "beta", "gamma"}) {
      machine_.add_cell(cell, std::vector{micro::halt()}, false, "watchdog: 5s");
    }
    bring_up();
  }

  /// Beta has FAULT, which is PROCESS's.
  void expect_no_failure(const std::string& fault, const char* process) {
    start();
    const auto pid = machine_.status("beta")[process].get<pid_t>();
    EXPECT_EQ(inject("beta", {fault, "share=80", "period=500ms", "for=10s"}).status, 0);
    EXPECT_TRUE(comes([&] { return is_stopped(pid); }));
    EXPECT_TRUE(comes([&] { return !is_stopped(pid); }));
    EXPECT_TRUE(comes([&] { return is_stopped(pid); })) << "again";
    expect_recovery();
    EXPECT_TRUE(comes([&] { return runs_for(pid, 2); })) << "it ends";
    expect_survivors();
  }

 private:
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
};

TEST_F(Slow, MonitorsAreNoFailure) { expect_no_failure("monitor-slow", "monitor_pid"); }

TEST_F(Slow, VmmsAreNoFailure) { expect_no_failure("vmm-slow", "vmm_pid"); }

}  // namespace
}  // namespace hive::test
