// What comes of `max_memory`, and what is wrong with it: one fault each, with its exact place,
// words and remedy.
#include <gmock/gmock.h>

#include <string>

#include "tests/unit/plan/made_up_host.h"
#include "tests/unit/plan/refusals.h"
#include "vmm/base/units.h"
#include "vmm/plan/check.h"

namespace hive::plan {
namespace {

using testing::Case;
using testing::cell;
using ::testing::ElementsAre;
using testing::MadeUpHost;
using testing::name_of;
using testing::sound_cell;

class MaxMemoryFaults : public ::testing::TestWithParam<Case> {};

TEST_P(MaxMemoryFaults, SaysWhatAndWhereAndHow) {
  EXPECT_THAT(MadeUpHost().faults(GetParam().yaml), ElementsAre(GetParam().fault))
      << GetParam().yaml;
}

const Case kFaults[] = {
    {"odd", sound_cell("max_memory: 97MiB"),
     "f:2:46: 97MiB of memory is not a multiple of 2MiB; write 96MiB or 98MiB"},
    {"less", sound_cell("max_memory: 62MiB"),
     "f:2:46: max_memory of 62MiB is less than the cell's memory of 64MiB; write as much or more, "
     "or leave it out"},
    {"more", sound_cell("max_memory: 1026MiB"),
     "f:2:46: max_memory of 1026MiB is more than the host's 1024MiB; let the cell grow less"},
    {"largest", sound_cell("max_memory: 17592186044414MiB"),
     "f:2:46: max_memory of 17592186044414MiB is more than the host's 1024MiB; let the cell grow "
     "less"},
    {"reserved", sound_cell("hugepages: reserved, max_memory: 66MiB"),
     "f:2:67: memory of reserved huge pages cannot be lent; leave 'max_memory' out, or drop "
     "'hugepages: reserved'"},
    {"of_defaults",
     "machine: m\ndefaults: {memory: 64MiB, max_memory: 96MiB}\ncells: [{name: a, memory: "
     "128MiB}]\n",
     "f:2:39: max_memory of 96MiB is less than the cell's memory of 128MiB; write as much or more, "
     "or leave it out"},
};
INSTANTIATE_TEST_SUITE_P(Values, MaxMemoryFaults, ::testing::ValuesIn(kFaults), name_of);

TEST(MaxMemory, IsBounded) {
  MadeUpHost host;
  host.topology.nodes[0].memory = 64 * 1024 * kGiB;
  EXPECT_THAT(host.faults(sound_cell("max_memory: 5TiB")),
              ElementsAre("f:2:46: 5242816MiB are too much to lend to a cell; let it grow by 4TiB "
                          "at most"));
}

Machine accepted(const std::string& yaml) {
  const CheckResult result = MadeUpHost().check(yaml);
  EXPECT_THAT(result.faults, ::testing::IsEmpty()) << yaml;
  return result.machine.value_or(Machine{});
}

Cell accepted_cell(const std::string& keys) {
  const Machine machine = accepted(cell(keys));
  return machine.cells.empty() ? Cell{} : machine.cells[0];
}

TEST(MaxMemory, LetsACellGrowToWhatItMayBeLent) {
  const Cell grown =
      accepted_cell("memory: 32MiB, max_memory: 98MiB, cmdline: memhp_default_state=offline");
  EXPECT_EQ(grown.memory, 32 * kMiB);
  EXPECT_EQ(grown.spare, 66 * kMiB);
  EXPECT_EQ(grown.cmdline,
            "console=ttyS0 quiet hive.cell=a memhp_default_state=online_movable "
            "memhp_default_state=offline")
      << "Linux goes by the last one";
  EXPECT_EQ(accepted_cell("memory: 32MiB").spare, 0U);
  const Cell same = accepted_cell("memory: 32MiB, max_memory: 32MiB, hugepages: reserved");
  EXPECT_EQ(same.spare, 0U);
  EXPECT_EQ(same.cmdline, "console=ttyS0 quiet hive.cell=a");
  const Machine machine = accepted(
      "{machine: m, defaults: {memory: 32MiB, max_memory: 1GiB}, "
      "cells: [{name: a}, {name: b, memory: 64MiB}, {name: c, max_memory: 32MiB}]}");
  ASSERT_EQ(machine.cells.size(), 3U);
  EXPECT_EQ(machine.cells[0].spare, 992 * kMiB) << "two of them may be lent the same";
  EXPECT_EQ(machine.cells[1].spare, 960 * kMiB);
  EXPECT_EQ(machine.cells[2].spare, 0U);
}

}  // namespace
}  // namespace hive::plan
