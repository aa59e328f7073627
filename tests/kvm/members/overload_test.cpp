// A host that has far too little time for its cells: nobody takes that for a failure.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/kvm/run/hive_run.h"
#include "vmm/base/ids.h"

namespace hive::test {
namespace {

/// How often WORD is a kind of event in STORY.
std::size_t count_events(const std::string& story, const std::string& kind) {
  std::istringstream lines(story);
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line);) {
    count += line.find("  " + kind) != std::string::npos ? 1U : 0U;
  }
  return count;
}

/// Three times as many vCPUs as CPUs, and one more, all of which compute without an end.
/// HIVE_OVERLOAD_SECONDS makes that last longer.
TEST(Overload, IsNoFailure) {
  const char* wanted = std::getenv("HIVE_OVERLOAD_SECONDS");
  const unsigned seconds = wanted == nullptr ? 15 : static_cast<unsigned>(std::atoi(wanted));
  const unsigned cells = std::min(3 * std::thread::hardware_concurrency() + 1, kMaxCells);
  TestMachine machine;
  for (unsigned cell = 0; cell < cells; ++cell) {
    machine.add_cell("c" + std::to_string(cell), std::vector{micro::spin()});
  }
  const Output up = machine.up();
  ASSERT_EQ(up.status, 0) << up.err;
  ::sleep(seconds);
  const std::string story = machine.hive({"events", machine.name()}).out;
  const std::size_t hints = count_events(story, "hint");
  std::printf("%u cells, %u s: %zu hints, %zu alerts\n", cells, seconds, hints,
              count_events(story, "alert"));
  EXPECT_EQ(count_events(story, "alert"), 0U) << story;
  for (unsigned cell = 0; cell < cells; ++cell) {
    const nlohmann::json status = machine.status("c" + std::to_string(cell));
    ASSERT_TRUE(status.is_object()) << cell;
    EXPECT_EQ(status["state"], "running");
    EXPECT_EQ(status["view"]["epoch"], 1);
    EXPECT_EQ(status["view"]["members"].size(), cells);
  }
}

}  // namespace
}  // namespace hive::test
