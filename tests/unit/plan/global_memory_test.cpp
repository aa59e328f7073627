// What is wrong with `shared` and `firewall`: one fault each, with its exact place, words and
// remedy.
#include <gmock/gmock.h>

#include "tests/unit/plan/made_up_host.h"
#include "tests/unit/plan/refusals.h"
#include "vmm/plan/check.h"

namespace hive::plan {
namespace {

using testing::Case;
using testing::cell;
using ::testing::ElementsAre;
using testing::MadeUpHost;
using testing::name_of;
using testing::sound_cell;
using testing::two;

class GlobalMemory : public ::testing::TestWithParam<Case> {};

TEST_P(GlobalMemory, SaysWhatAndWhereAndHow) {
  EXPECT_THAT(MadeUpHost().faults(GetParam().yaml), ElementsAre(GetParam().fault))
      << GetParam().yaml;
}

/// A machine whose FIREWALL, on line 2, starts at column 11.
std::string firewall(const std::string& firewall) {
  return "machine: m\nfirewall: " + firewall + "\ncells: [{name: a, memory: 64MiB}]\n";
}

const Case kFirewall[] = {
    {"of_firewall", firewall("{on_violaton: stop}"),
     "f:2:12: unknown key 'on_violaton' in the firewall; did you mean 'on_violation'?"},
    {"of_firewall_far", firewall("{heartbeat: 10ms}"),
     "f:2:12: unknown key 'heartbeat' in the firewall; the keys are on_violation, discard"},
    {"discard", firewall("{discard: all}"),
     "f:2:21: discard cannot be 'all'; write written or writable"},
    {"discard_near", firewall("{discard: writen}"),
     "f:2:21: discard cannot be 'writen'; did you mean 'written'?"},
    {"firewall_null", firewall(""),
     "f:2:1: 'firewall' has no value; give it a mapping such as {on_violation: stop}"},
    {"firewall_scalar", firewall("stop"),
     "f:2:11: 'firewall' is a single value; give it a mapping such as {on_violation: stop}"},
    {"on_violation_null", firewall("{on_violation: }"),
     "f:2:12: 'on_violation' has no value; give it fault, stop or ignore"},
    {"on_violation_list", firewall("{on_violation: [stop]}"),
     "f:2:26: 'on_violation' is a list; give it fault, stop or ignore"},
    {"on_violation", firewall("{on_violation: panic}"),
     "f:2:26: on_violation cannot be 'panic'; write fault, stop or ignore"},
    {"on_violation_near", firewall("{on_violation: ignored}"),
     "f:2:26: on_violation cannot be 'ignored'; did you mean 'ignore'?"},
    {"on_violation_case", firewall("{on_violation: Fault}"),
     "f:2:26: on_violation cannot be 'Fault'; did you mean 'fault'?"},
    {"on_violation_empty", firewall("{on_violation: ''}"),
     "f:2:26: on_violation cannot be ''; write fault, stop or ignore"},
};
INSTANTIATE_TEST_SUITE_P(Firewall, GlobalMemory, ::testing::ValuesIn(kFirewall), name_of);

const Case kShared[] = {
    {"shared_near", sound_cell("share: 8MiB"),
     "f:2:34: unknown key 'share' in a cell; did you mean 'shared'?"},
    {"shared_list", sound_cell("shared: [8MiB]"),
     "f:2:42: 'shared' is a list; give it a size such as 256MiB"},
    {"shared_mb", sound_cell("shared: 8MB"), "f:2:42: '8MB' is not a size; write 8MiB"},
    {"shared_bare", sound_cell("shared: 8"), "f:2:42: global memory '8' has no unit; write 8MiB"},
    {"shared_none", sound_cell("shared: none"),
     "f:2:42: 'none' is not a size; write a whole number and KiB, MiB, GiB or TiB, such as 256MiB"},
    {"shared_zero", sound_cell("shared: 0MiB"),
     "f:2:42: 0B of global memory is too little to contribute; write 2MiB or more, or leave "
     "'shared' out, here and under 'defaults'"},
    {"shared_little", sound_cell("shared: 2047KiB"),
     "f:2:42: 2047KiB of global memory is too little to contribute; write 2MiB or more, or leave "
     "'shared' out, here and under 'defaults'"},
    {"shared_odd", sound_cell("shared: 3MiB"),
     "f:2:42: 3MiB of global memory is not a multiple of 2MiB; write 2MiB or 4MiB"},
    {"shared_much", sound_cell("shared: 17TiB"),
     "f:2:42: 17TiB of global memory is too much for a machine; contribute at most 16TiB in all "
     "cells together"},
    {"shared_largest", sound_cell("shared: 18446744073709551615B"),
     "f:2:42: 18446744073709551615B of global memory is too much for a machine; contribute at most "
     "16TiB in all cells together"},
    {"shared_more", sound_cell("shared: 1GiB"),
     "f:2:42: 64MiB of memory and 1GiB of global memory are more than the host's 1024MiB; give the "
     "cell less"},
    {"memory_more_beside_shared", cell("memory: 2GiB, shared: 2GiB"),
     "f:2:27: 2GiB of memory are more than the host's 1024MiB; give the cell less"},
    {"shared", two("shared: 512MiB", "shared: 386MiB"),
     "f:5:21: with cell 'b' the cells need more memory, global memory included, than the host's "
     "1024MiB; give the cells less"},
    {"shared_before", two("shared: 64MiB", "memory: 898MiB"),
     "f:5:21: with cell 'b' the cells need more memory, global memory included, than the host's "
     "1024MiB; give the cells less"},
    {"shared_of_defaults",
     "machine: m\ndefaults: {memory: 64MiB, shared: 300MiB}\n"
     "cells: [{name: a}, {name: b}, {name: c}]\n",
     "f:2:35: with cell 'c' the cells need more memory, global memory included, than the host's "
     "1024MiB; give the cells less"},
};
INSTANTIATE_TEST_SUITE_P(Shared, GlobalMemory, ::testing::ValuesIn(kShared), name_of);

TEST(Check, RefusesMoreGlobalMemoryThanAMachineMayHave) {
  MadeUpHost host;
  host.topology.nodes[0].memory = 64 * 1024 * kGiB;
  EXPECT_THAT(host.faults(two("shared: 16TiB", "shared: 2MiB")),
              ElementsAre("f:5:21: with cell 'b' the cells contribute more than 16TiB of global "
                          "memory; contribute less"));
}

TEST(Check, CountsGlobalMemoryOfACellWhoseMemoryIsFaulty) {
  EXPECT_THAT(MadeUpHost().faults(cell("memory: lots, shared: 2GiB")),
              ElementsAre("f:2:27: 'lots' is not a size; write a whole number and KiB, MiB, GiB or "
                          "TiB, such as 256MiB",
                          "f:2:41: 2GiB of global memory are more than the host's 1024MiB; give "
                          "the cell less"));
}

}  // namespace
}  // namespace hive::plan
