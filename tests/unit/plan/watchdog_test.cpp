// How long a guest may hang.
#include <gmock/gmock.h>

#include <string>

#include "tests/unit/plan/made_up_host.h"
#include "vmm/plan/check.h"

namespace hive::plan {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::MadeUpHost;

std::string plan_with(const std::string& keys) {
  return "{machine: m, cells: [{name: a, memory: 32MiB, " + keys + "}]}";
}

std::uint32_t watchdog(const std::string& keys) {
  const MadeUpHost host;
  EXPECT_THAT(host.faults(plan_with(keys)), IsEmpty()) << keys;
  const auto machine = host.check(plan_with(keys)).machine;
  return machine ? machine->cells.at(0).watchdog : ~0U;
}

TEST(WatchdogKey, DependsOnTheAgent) {
  EXPECT_EQ(watchdog("agent: true"), kDefaultWatchdog);
  EXPECT_EQ(watchdog("agent: false"), 0U);
}

TEST(WatchdogKey, IsATimeOrOff) {
  EXPECT_EQ(watchdog("agent: true, watchdog: none"), 0U);
  EXPECT_EQ(watchdog("agent: false, watchdog: 2s"), 2U);
  EXPECT_EQ(watchdog("agent: true, watchdog: 3600s"), 3600U);
  for (const char* value : {"1s", "3601s", "10", "s", "-5s", "010s", "on", "true", "1.5s", "10 s",
                            "10ms", "99999999999999999999s", "1min"}) {
    EXPECT_THAT(MadeUpHost().faults(plan_with(std::string("watchdog: ") + value)),
                ElementsAre("f:1:57: watchdog cannot be '" + std::string(value) +
                            "'; write a time such as 10s, from 2s to 3600s, or none"));
  }
}

TEST(WatchdogKey, MayStandAmongTheDefaults) {
  const auto machine = MadeUpHost()
                           .check(
                               "{machine: m, defaults: {memory: 32MiB, watchdog: 20s}, "
                               "cells: [{name: a}, {name: b, watchdog: none}]}")
                           .machine;
  ASSERT_TRUE(machine);
  EXPECT_EQ(machine->cells.at(0).watchdog, 20U);
  EXPECT_EQ(machine->cells.at(1).watchdog, 0U);
}

}  // namespace
}  // namespace hive::plan
