// `vsock`, `rpc` and `faults`: what they come to, and what is wrong with them, one fault each, with
// its exact place, words and remedy.
#include <gmock/gmock.h>

#include "tests/unit/plan/made_up_host.h"
#include "tests/unit/plan/refusals.h"
#include "vmm/plan/check.h"

namespace hive::plan {
namespace {

using testing::Case;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::MadeUpHost;
using testing::name_of;
using testing::sound_cell;
using testing::two;
using Caller = VsockPort::Caller;

class Vsock : public ::testing::TestWithParam<Case> {};

TEST_P(Vsock, SaysWhatAndWhereAndHow) {
  EXPECT_THAT(MadeUpHost().faults(GetParam().yaml), ElementsAre(GetParam().fault))
      << GetParam().yaml;
}

/// Cells alpha, beta and gamma, with RPC on line 2 from column 6.
std::string rpc(const std::string& rpc) {
  return "machine: m\nrpc: " + rpc +
         "\ndefaults: {memory: 64MiB}\ncells: [{name: alpha}, {name: beta}, {name: gamma}]\n";
}

const Case kPorts[] = {
    {"ports_scalar", sound_cell("vsock: 5000"),
     "f:2:41: 'vsock' is a single value; give it a list such as [{port: 5000, path: "
     "/run/app.sock}]"},
    {"port_scalar", sound_cell("vsock: [5000]"),
     "f:2:42: a vsock port is described by a single value; write a mapping with the keys port, "
     "path, listen"},
    {"port_missing", sound_cell("vsock: [{path: /s}]"),
     "f:2:42: a vsock port lacks the key 'port'; add 'port: ', a number from 1 to 4294967294"},
    {"port_zero", sound_cell("vsock: [{port: 0, listen: /s}]"),
     "f:2:49: '0' is not a port; write a number from 1 to 4294967294"},
    {"port_any", sound_cell("vsock: [{port: 4294967295, path: /s}]"),
     "f:2:49: '4294967295' is not a port; write a number from 1 to 4294967294"},
    {"port_text", sound_cell("vsock: [{port: ssh, listen: /s}]"),
     "f:2:49: 'ssh' is not a port; write a number from 1 to 4294967294"},
    {"port_reserved", sound_cell("vsock: [{port: 1023, path: /s}]"),
     "f:2:49: port 1023 of the host is reserved; choose one from 1024 on"},
    {"no_side", sound_cell("vsock: [{port: 5000}]"),
     "f:2:42: a vsock port has neither 'path' nor 'listen'; add 'path: SOCKET' where the guest "
     "calls, 'listen: SOCKET' where the host does"},
    {"both_sides", sound_cell("vsock: [{port: 5000, path: /s, listen: /l}]"),
     "f:2:73: a vsock port has both 'path' and 'listen'; keep 'path' where the guest calls, "
     "'listen' where the host does"},
    {"side_near", sound_cell("vsock: [{port: 5000, path: /s, listn: /l}]"),
     "f:2:65: unknown key 'listn' in a vsock port; did you mean 'listen'?"},
    {"path_empty", sound_cell("vsock: [{port: 5000, path: ''}]"),
     "f:2:61: the path is empty; write the path of a file"},
    {"path_long", sound_cell("vsock: [{port: 22, listen: /" + std::string(107, 'x') + "}]"),
     "f:2:61: the socket's path has 108 bytes, from / on; choose one of at most 107: a socket's "
     "address has no room for more"},
    {"port_twice", sound_cell("vsock: [{port: 5000, path: /s}, {port: 5000, path: /t}]"),
     "f:2:73: port 5000 of the host is given twice, first at line 2; keep one of them"},
    {"listen_twice", sound_cell("vsock: [{port: 22, listen: /s}, {port: 22, listen: /t}]"),
     "f:2:73: port 22 of the guest is given twice, first at line 2; keep one of them"},
    {"socket_twice", sound_cell("vsock: [{port: 22, listen: /s}, {port: 23, listen: /s}]"),
     "f:2:85: socket '/s' is made for another port, too; give each port a socket of its own"},
    {"socket_of_two", two("vsock: [{port: 22, listen: /s}]", "vsock: [{port: 22, listen: /s}]"),
     "f:5:40: socket '/s' is made for cell 'a' too; give each port a socket of its own"},
    {"defaults", "machine: m\ndefaults: {memory: 64MiB, vsock: []}\ncells: [{name: a}]\n",
     "f:2:27: key 'vsock' cannot be among the defaults; give it to each cell"},
};
INSTANTIATE_TEST_SUITE_P(Ports, Vsock, ::testing::ValuesIn(kPorts), name_of);

const Case kRpc[] = {
    {"rpc_list", rpc("[]"),
     "f:2:6: 'rpc' is a list; give it a mapping such as {packets_per_second: 10000}"},
    {"rate_low", rpc("{packets_per_second: 99}"),
     "f:2:27: packets_per_second cannot be '99'; write a number from 100 to 10000000"},
    {"rate_high", rpc("{packets_per_second: 10000001}"),
     "f:2:27: packets_per_second cannot be '10000001'; write a number from 100 to 10000000"},
    {"calls_mapping", rpc("{calls: {from: alpha, to: [beta]}}"),
     "f:2:14: 'calls' is a mapping; give it a list such as [{from: alpha, to: [beta]}]"},
    {"from_missing", rpc("{calls: [{to: [beta]}]}"),
     "f:2:15: an entry of calls lacks the key 'from'; add 'from: ', a name such as alpha"},
    {"to_missing", rpc("{calls: [{from: alpha}]}"),
     "f:2:15: an entry of calls lacks the key 'to'; add 'to: ', a list such as [alpha, beta]"},
    {"to_scalar", rpc("{calls: [{from: alpha, to: beta}]}"),
     "f:2:33: 'to' is a single value; give it a list such as [alpha, beta]"},
    {"to_nested", rpc("{calls: [{from: alpha, to: [[beta]]}]}"),
     "f:2:34: this is not a cell's name; write a list such as [alpha, beta]"},
    {"from_unknown", rpc("{calls: [{from: alpa, to: [beta]}]}"),
     "f:2:22: the machine has no cell 'alpa'; did you mean 'alpha'?"},
    {"to_unknown", rpc("{calls: [{from: alpha, to: [router]}]}"),
     "f:2:34: the machine has no cell 'router'; its cells are alpha, beta, gamma"},
    {"itself", rpc("{calls: [{from: alpha, to: [alpha]}]}"),
     "f:2:34: cell 'alpha' is to call itself; leave it out: a guest needs no leave for that"},
    {"to_twice", rpc("{calls: [{from: alpha, to: [beta, beta]}]}"),
     "f:2:40: cell 'beta' is listed twice; list each cell once"},
    {"from_twice", rpc("{calls: [{from: alpha, to: []}, {from: alpha, to: [beta]}]}"),
     "f:2:45: what cell 'alpha' may call is listed twice, first at line 2; list all that it may "
     "call in one entry"},
    {"faults", "machine: m\nfaults: on\ncells: [{name: a, memory: 64MiB}]\n",
     "f:2:9: faults cannot be 'on'; write enabled or disabled"},
    {"faults_near", "machine: m\nfaults: enable\ncells: [{name: a, memory: 64MiB}]\n",
     "f:2:9: faults cannot be 'enable'; did you mean 'enabled'?"},
};
INSTANTIATE_TEST_SUITE_P(Rpc, Vsock, ::testing::ValuesIn(kRpc), name_of);

TEST(Check, FillsInThatEveryCellMayCallEveryOther) {
  const auto machine = MadeUpHost().check(rpc("{}")).machine;
  ASSERT_TRUE(machine);
  EXPECT_EQ(machine->rpc, Rpc{});
  EXPECT_EQ(machine->rpc.packets_per_second, 200'000U);
  EXPECT_FALSE(machine->faults);
  EXPECT_THAT(machine->cells[0].vsock, IsEmpty());
  EXPECT_TRUE(may_call(*machine, CellId{0}, CellId{2}));
  EXPECT_TRUE(may_call(*machine, CellId{2}, CellId{0}));
  EXPECT_FALSE(may_call(*machine, CellId{1}, CellId{1}));
}

TEST(Check, TakesWhoMayCallWhom) {
  const auto machine =
      MadeUpHost()
          .check(rpc("{calls: [{from: gamma, to: [alpha, beta]}, {from: alpha, to: []}], "
                     "packets_per_second: 100}"))
          .machine;
  ASSERT_TRUE(machine);
  EXPECT_EQ(machine->rpc.packets_per_second, 100U);
  EXPECT_TRUE(may_call(*machine, CellId{2}, CellId{0}));
  EXPECT_TRUE(may_call(*machine, CellId{2}, CellId{1}));
  EXPECT_FALSE(may_call(*machine, CellId{0}, CellId{2}));
  EXPECT_FALSE(may_call(*machine, CellId{1}, CellId{0})) << "not in the list";
}

TEST(Check, TakesPortsOfBothSides) {
  const auto machine =
      MadeUpHost()
          .check(two("vsock: [{port: 5000, path: /run/app}, {port: 5000, listen: s}, {port: 1, "
                     "listen: /t}]",
                     "vsock: [{port: 5000, path: /run/app}, {port: 4294967294, path: /t}]"))
          .machine;
  ASSERT_TRUE(machine);
  EXPECT_THAT(machine->cells[0].vsock, ElementsAre(VsockPort{5000, Caller::kGuest, "/run/app"},
                                                   VsockPort{5000, Caller::kHost, "/m/s"},
                                                   VsockPort{1, Caller::kHost, "/t"}));
  EXPECT_THAT(machine->cells[1].vsock, ElementsAre(VsockPort{5000, Caller::kGuest, "/run/app"},
                                                   VsockPort{4294967294U, Caller::kGuest, "/t"}));
}

TEST(Check, TakesAtMostSixtyFourPorts) {
  const auto plan = [](unsigned count) {
    std::string ports;
    for (unsigned port = 1; port <= count; ++port) {
      ports += "{port: " + std::to_string(port) + ", listen: /s" + std::to_string(port) + "},";
    }
    return sound_cell("vsock: [" + ports + "]");
  };
  EXPECT_THAT(MadeUpHost().faults(plan(64)), IsEmpty());
  EXPECT_THAT(MadeUpHost().faults(plan(65)),
              ElementsAre("f:2:41: the cell has 65 vsock ports; give it at most 64"));
}

TEST(Check, TakesFaultsByWord) {
  const auto plan = [](const std::string& word) {
    return "machine: m\nfaults: " + word + "\ncells: [{name: a, memory: 64MiB}]\n";
  };
  EXPECT_TRUE(MadeUpHost().check(plan("enabled")).machine->faults);
  EXPECT_FALSE(MadeUpHost().check(plan("disabled")).machine->faults);
}

}  // namespace
}  // namespace hive::plan
