// A cell's share of the CPUs.
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
  return "{machine: m, cells: [{name: a, memory: 32MiB" + keys + "}]}";
}

std::uint32_t weight(const std::string& keys) {
  const MadeUpHost host;
  EXPECT_THAT(host.faults(plan_with(keys)), IsEmpty()) << keys;
  const auto machine = host.check(plan_with(keys)).machine;
  return machine ? machine->cells.at(0).cpu_weight : 0;
}

TEST(CpuWeightKey, IsANumber) {
  EXPECT_EQ(weight(""), kDefaultCpuWeight);
  EXPECT_EQ(weight(", cpu_weight: 1"), 1U);
  EXPECT_EQ(weight(", cpu_weight: 10000"), 10'000U);
  for (const char* value : {"0", "10001", "-1", "1.5", "100%", "none", "99999999999999999999"}) {
    EXPECT_THAT(MadeUpHost().faults(plan_with(std::string(", cpu_weight: ") + value)),
                ElementsAre("f:1:59: cpu_weight cannot be '" + std::string(value) +
                            "'; write a number from 1 to 10000"));
  }
}

TEST(CpuWeightKey, MayStandAmongTheDefaults) {
  const auto machine = MadeUpHost()
                           .check(
                               "{machine: m, defaults: {memory: 32MiB, cpu_weight: 50}, "
                               "cells: [{name: a}, {name: b, cpu_weight: 200}]}")
                           .machine;
  ASSERT_TRUE(machine);
  EXPECT_EQ(machine->cells.at(0).cpu_weight, 50U);
  EXPECT_EQ(machine->cells.at(1).cpu_weight, 200U);
}

}  // namespace
}  // namespace hive::plan
