// A guest that hangs, over real VMMs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "tests/kvm/run/hive_run.h"

namespace hive::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// Waits until CELL's view has EPOCH, or patience ends.
bool await_epoch(const TestMachine& machine, const std::string& cell, unsigned epoch) {
  for (int tries = 0; tries < 6000; ++tries) {
    const nlohmann::json now = machine.status(cell);
    if (now.is_object() && now.contains("view") && now["view"]["epoch"] >= epoch) return true;
    ::usleep(10'000);
  }
  return false;
}

TEST(Hang, OfAGuestIsAgreedOnAndTheCellStartedAnew) {
  TestMachine machine;
  machine.add_cell("alpha", std::vector{micro::halt()});
  machine.add_cell("beta", std::vector{micro::spin()}, false, "on_failure: reboot, watchdog: 2s");
  machine.add_cell("gamma", std::vector{micro::halt()}, false, "watchdog: 2s");
  const Output up = machine.up();
  ASSERT_EQ(up.status, 0) << up.err;
  for (const char* cell : {"alpha", "gamma"}) {
    EXPECT_TRUE(await_epoch(machine, cell, 3)) << machine.status(cell);
    EXPECT_EQ(machine.status(cell)["state"], "running");
    EXPECT_EQ(machine.status(cell)["incarnation"], 1);
  }
  // It hangs again, later each time.
  EXPECT_GE(machine.status("beta")["incarnation"].get<unsigned>(), 2U);
  EXPECT_THAT(machine.hive({"events", machine.name()}).out,
              AllOf(HasSubstr("hang: vCPU 0 has run for "), HasSubstr(" with interrupts off"),
                    HasSubstr("beta: stuck vCPU"), HasSubstr("beta failed (stuck vCPU)"),
                    HasSubstr("beta left"), HasSubstr("beta joined")));
}

TEST(Hang, GoesWhereAWitnessMakesAMajority) {
  TestMachine machine;
  machine.add_cell("alpha", std::vector{micro::halt()});
  machine.add_cell("beta", std::vector{micro::spin()}, false, "watchdog: 2s");
  const Output up = machine.up();
  ASSERT_EQ(up.status, 0) << up.err;
  EXPECT_TRUE(await_epoch(machine, "alpha", 2)) << machine.status("alpha");
  EXPECT_EQ(machine.await("beta", "failed")["state"], "failed");
  EXPECT_THAT(machine.hive({"events", machine.name()}).out, HasSubstr("beta left"));
}

TEST(Hang, DecidesNothingBetweenTwo) {
  TestMachine machine;
  machine.add_key("witness: none");
  machine.add_cell("alpha", std::vector{micro::spin()});
  machine.add_cell("beta", std::vector{micro::spin()}, false, "watchdog: 2s");
  const Output up = machine.up();
  ASSERT_EQ(up.status, 0) << up.err;
  std::string story;
  for (int tries = 0; tries < 600 && story.find("no-alert") == std::string::npos; ++tries) {
    ::usleep(100'000);
    story = machine.hive({"events", machine.name()}).out;
  }
  EXPECT_THAT(story, AllOf(HasSubstr("no-alert: about beta: one word against the other's"),
                           Not(HasSubstr("alpha: stuck"))));
  EXPECT_EQ(machine.status("beta")["state"], "running");
  EXPECT_THAT(machine.hive({"status", machine.name()}).out, HasSubstr("hangs: vCPU 0 has run"));
}

}  // namespace
}  // namespace hive::test
