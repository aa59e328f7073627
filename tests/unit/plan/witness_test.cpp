// Whether a machine has a monitor without a cell.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/plan/made_up_host.h"
#include "vmm/base/error.h"
#include "vmm/plan/json.h"

namespace hive::plan {
namespace {

using ::testing::ElementsAre;
using testing::MadeUpHost;

MadeUpHost large_host() {
  MadeUpHost host;
  host.topology.nodes[0].memory = 64 * kGiB;
  return host;
}

/// A machine of as many cells, with KEYS.
std::string machine_of(unsigned cells, const std::string& keys) {
  std::string yaml = "machine: m\n" + keys + "\ndefaults: {memory: 64MiB}\ncells:\n";
  for (unsigned cell = 0; cell < cells; ++cell) {
    yaml += "- {name: c" + std::to_string(cell) + "}\n";
  }
  return yaml;
}

bool has_witness(unsigned cells, const std::string& keys) {
  const CheckResult result = MadeUpHost().check(machine_of(cells, keys));
  EXPECT_TRUE(result.machine) << keys;
  return result.machine && result.machine->witness;
}

TEST(Witness, IsThereWhereTwoCellsAre) {
  EXPECT_FALSE(has_witness(1, ""));
  EXPECT_TRUE(has_witness(2, ""));
  EXPECT_FALSE(has_witness(3, ""));
  EXPECT_TRUE(has_witness(2, "witness: auto"));
  EXPECT_FALSE(has_witness(3, "witness: auto"));
}

TEST(Witness, IsThereAsThePlanSays) {
  EXPECT_FALSE(has_witness(2, "witness: none"));
  EXPECT_TRUE(has_witness(1, "witness: always"));
  EXPECT_TRUE(has_witness(3, "witness: always"));
}

TEST(Witness, NeedsAPlaceAndItsName) {
  const MadeUpHost host = large_host();
  EXPECT_THAT(host.faults(machine_of(64, "witness: always")),
              ElementsAre("f:2:10: 64 cells and a witness are too many; leave out 'witness', or a "
                          "cell"));
  EXPECT_THAT(host.faults("machine: m\ncells: [{name: witness, memory: 64MiB}]\n"),
              ElementsAre("f:2:16: no cell can be called witness; choose another name: this one "
                          "stands for the monitor without a cell"));
  EXPECT_THAT(host.faults(machine_of(2, "witness: yes")),
              ElementsAre("f:2:10: witness cannot be 'yes'; write auto, always or none"));
}

TEST(Witness, HasItsPlaceInTheMonitorsPlan) {
  Machine machine = *large_host().check(machine_of(64, "")).machine;
  EXPECT_EQ(parse_machine(to_json(machine)), machine);
  machine.witness = true;
  EXPECT_THROW(parse_machine(to_json(machine)), Error);
}

}  // namespace
}  // namespace hive::plan
