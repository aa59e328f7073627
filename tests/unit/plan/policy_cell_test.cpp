// The cell that runs Wax, and what cells keep from it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/plan/made_up_host.h"
#include "vmm/base/error.h"
#include "vmm/plan/json.h"
#include "vmm/plan/limits.h"

namespace hive::plan {
namespace {

using ::testing::ElementsAre;
using testing::MadeUpHost;

/// A machine of cell a, with KEYS, and of a policy cell, with POLICY_KEYS.
std::string machine_with(const std::string& policy_keys, const std::string& keys = "") {
  return "machine: m\ndefaults: {shared: 2MiB, hugepages: none}\ncells:\n- {name: a, memory: "
         "64MiB" +
         keys + "}\n- {name: wax, role: policy" + policy_keys + "}\n";
}

Machine machine_of(const std::string& yaml) {
  const CheckResult result = MadeUpHost().check(yaml);
  EXPECT_TRUE(result.machine) << yaml;
  return result.machine.value_or(Machine{});
}

TEST(PolicyCell, BringsAllThatItNeeds) {
  const Machine machine = machine_of(machine_with(""));
  Cell wax;
  wax.id = CellId{1};
  wax.name = "wax";
  wax.memory = kPolicyMemory;
  wax.reserve = kPolicyMemory;
  wax.cid = 4;
  wax.kernel = "/programs/wax.elf";
  wax.cmdline = "policy=balance";
  wax.agent = false;
  wax.on_failure = OnFailure::kReboot;
  wax.policy = "balance";
  wax.cpu_weight = kPolicyCpuWeight;
  ASSERT_EQ(machine.cells.size(), 2U);
  EXPECT_EQ(machine.cells[1], wax);
  EXPECT_TRUE(machine.cells[1].is_policy());
  EXPECT_FALSE(machine.cells[0].is_policy());
}

TEST(PolicyCell, TakesAPolicyAndAHostCpu) {
  const Machine machine = machine_of(machine_with(", policy: memory, cpus: [5]"));
  EXPECT_EQ(machine.cells[1].policy, "memory");
  EXPECT_EQ(machine.cells[1].cmdline, "policy=memory");
  EXPECT_THAT(machine.cells[1].host_cpus, ElementsAre(5));
}

TEST(PolicyCell, TakesNothingElse) {
  const MadeUpHost host;
  EXPECT_THAT(host.faults(machine_with(", memory: 64MiB, disks: []")),
              ElementsAre("f:5:37: a cell with role policy has no 'memory'; leave it out: Wax "
                          "brings its own",
                          "f:5:51: a cell with role policy has no 'disks'; leave it out: Wax "
                          "brings its own"));
  EXPECT_THAT(host.faults(machine_with(", cpus: 2")),
              ElementsAre("f:5:35: a cell with role policy has one vCPU; leave 'cpus' out, or list "
                          "one host CPU such as [1]"));
  EXPECT_THAT(host.faults(machine_with(", cpus: [3]")),
              ElementsAre("f:5:35: the host has no CPU 3; choose another one"));
  EXPECT_THAT(host.faults(machine_with(", policy: blance")),
              ElementsAre("f:5:37: there is no policy 'blance'; did you mean 'balance'?"));
  EXPECT_THAT(host.faults(machine_with(", policy: fairness")),
              ElementsAre("f:5:37: there is no policy 'fairness'; choose one of none, memory, cpu, "
                          "placement, balance"));
}

TEST(PolicyCell, IsOneOfSeveralCellsAndTheOnlyOfItsKind) {
  const MadeUpHost host;
  EXPECT_THAT(host.faults(machine_with("") + "- {name: wax2, role: policy}\n"),
              ElementsAre("f:6:22: the cell at line 5 runs Wax already; leave one of the two out: "
                          "a machine has one Wax"));
  EXPECT_THAT(host.faults("machine: m\ncells: [{name: wax, role: policy}]\n"),
              ElementsAre("f:2:27: the machine has nobody whom Wax could advise; describe other "
                          "cells, too"));
}

TEST(PolicyCell, NeedsWaxToBeBuilt) {
  MadeUpHost host;
  host.files.files.erase("/programs/wax.elf");
  EXPECT_THAT(host.faults(machine_with("")),
              ElementsAre("f:5:21: Wax '/programs/wax.elf' does not exist; build Hive: 'cmake "
                          "--build --preset release' makes it"));
}

TEST(PolicyCell, CallsNobodyAndIsCalledByNobody) {
  const Machine machine = machine_of(machine_with("") + "- {name: b, memory: 64MiB}\n");
  EXPECT_TRUE(may_call(machine, CellId{0}, CellId{2}));
  EXPECT_FALSE(may_call(machine, CellId{0}, CellId{1}));
  EXPECT_FALSE(may_call(machine, CellId{1}, CellId{2}));
}

TEST(PolicyCell, HasItsPlaceInTheMonitorsPlan) {
  const Machine machine = machine_of(machine_with(", policy: cpu", ", reserve: 16MiB"));
  EXPECT_EQ(parse_machine(to_json(machine)), machine);
  Machine unknown = machine;
  unknown.cells[1].policy = "fairness";
  EXPECT_THROW(parse_machine(to_json(unknown)), Error);
  Machine greedy = machine;
  greedy.cells[0].reserve = greedy.cells[0].memory + kMemoryStep;
  EXPECT_THROW(parse_machine(to_json(greedy)), Error);
}

TEST(Reserve, IsHalfOfTheMemoryOrAsThePlanSays) {
  const auto reserve = [](const std::string& keys) {
    return machine_of("{machine: m, cells: [{name: a, " + keys + "}]}").cells.at(0).reserve;
  };
  EXPECT_EQ(reserve("memory: 64MiB"), 32 * kMiB);
  EXPECT_EQ(reserve("memory: 66MiB"), 34 * kMiB);
  EXPECT_EQ(reserve("memory: 64MiB, reserve: 2MiB"), 2 * kMiB);
  EXPECT_EQ(reserve("memory: 64MiB, reserve: 64MiB"), 64 * kMiB);
  EXPECT_EQ(reserve("memory: 64MiB, reserve: 0MiB"), 0U);
}

TEST(Reserve, IsWholeAndNoMoreThanTheMemory) {
  const MadeUpHost host;
  const auto faults = [&](const std::string& keys) {
    return host.faults("{machine: m, cells: [{name: a, memory: 64MiB, " + keys + "}]}");
  };
  EXPECT_THAT(faults("reserve: 3MiB"),
              ElementsAre("f:1:56: 3MiB of memory is not a multiple of 2MiB; write 2MiB or 4MiB"));
  EXPECT_THAT(faults("reserve: 66MiB"),
              ElementsAre("f:1:56: a reserve of 66MiB is more than the cell's 64MiB of memory; "
                          "keep less, or give the cell more"));
  EXPECT_THAT(faults("policy: cpu"),
              ElementsAre("f:1:55: only the cell that runs Wax has a policy; leave it out, or add "
                          "'role: policy'"));
}

}  // namespace
}  // namespace hive::plan
