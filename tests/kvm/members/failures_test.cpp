// Several failures at a time: what is left of a machine of five cells recovers from all of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

#include "tests/kvm/run/hive_run.h"

namespace hive::test {
namespace {

using testing::ElementsAreArray;

class Failures : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* cell : {"a", "b", "c", "d", "e"}) {
      machine_.add_cell(cell, std::vector{micro::halt()}, false, "shared: 2MiB");
    }
    const Output up = machine_.up();
    ASSERT_EQ(up.status, 0) << up.err;
  }

  [[nodiscard]] pid_t pid(const std::string& cell, const char* key) const {
    return machine_.status(cell)[key].get<pid_t>();
  }

  [[nodiscard]] std::vector<std::string> members(const std::string& cell) const {
    std::vector<std::string> names;
    const nlohmann::json status = machine_.status(cell);
    if (!status.is_object() || !status.contains("view") || status["view"]["suspended"])
      return names;
    for (const auto& member : status["view"]["members"]) names.push_back(member["cell"]);
    return names;
  }

  /// CELLS are all that is left in the view, and their guests run on.
  void expect_left(const std::vector<std::string>& cells) const {
    for (const std::string& cell : cells) {
      for (int tries = 0; tries < 6000 && members(cell) != cells; ++tries) ::usleep(10'000);
      EXPECT_THAT(members(cell), ElementsAreArray(cells)) << cell;
      const nlohmann::json status = machine_.await(cell, "running");
      EXPECT_EQ(status["incarnation"], 1) << cell;
    }
    const std::string story = machine_.hive({"events", machine_.name()}).out;
    EXPECT_NE(story.find("recovered: epoch"), std::string::npos) << story;
  }

  TestMachine machine_;
};

TEST_F(Failures, OfTwoCellsAtOnce) {
  const pid_t b = pid("b", "vmm_pid");
  const pid_t d = pid("d", "vmm_pid");
  ::kill(b, SIGKILL);
  ::kill(d, SIGKILL);
  expect_left({"a", "c", "e"});
}

TEST_F(Failures, OfACellAndTheCoordinatorsMonitor) {
  const pid_t d = pid("d", "vmm_pid");
  const pid_t a = pid("a", "monitor_pid");
  ::kill(d, SIGKILL);
  ::kill(a, SIGKILL);
  expect_left({"b", "c", "e"});
}

TEST_F(Failures, OfTheCoordinatorsMonitorAfterItsCell) {
  const pid_t vmm = pid("a", "vmm_pid");
  const pid_t monitor = pid("a", "monitor_pid");
  ::kill(vmm, SIGKILL);
  ::usleep(5'000);
  ::kill(monitor, SIGKILL);
  expect_left({"b", "c", "d", "e"});
}

/// The second failure comes at another place of the recovery from the first each time.
class SecondFailures : public Failures, public testing::WithParamInterface<int> {};

TEST_P(SecondFailures, ComeWhileTheOthersRecover) {
  const pid_t b = pid("b", "vmm_pid");
  const pid_t a = pid("a", "vmm_pid");
  ::kill(b, SIGKILL);
  ::usleep(static_cast<unsigned>(GetParam()) * 1000);
  ::kill(a, SIGKILL);
  expect_left({"c", "d", "e"});
}

INSTANTIATE_TEST_SUITE_P(Milliseconds, SecondFailures, testing::Values(1, 2, 4, 6, 8, 11, 15, 20));

}  // namespace
}  // namespace hive::test
