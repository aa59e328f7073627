// What the monitors of a whole machine know of each other's cells, and the sockets that they make.
#include <gmock/gmock.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>

#include "tests/kvm/run/hive_run.h"

namespace hive::test {
namespace {

using nlohmann::json;

/// What CELL's monitor tells of PEER.
json peer_of(const TestMachine& machine, const std::string& cell, const std::string& peer) {
  const Output output = machine.hive({"rpc", machine.name(), "--json"});
  EXPECT_EQ(output.status, 0) << output.err;
  const json all = json::parse(output.out);
  for (const json& each : all["machines"][0]["cells"]) {
    if (each["cell"] != cell || !each.contains("peers")) continue;
    for (const json& other : each["peers"]) {
      if (other["cell"] == peer) return other;
    }
  }
  return json::object();
}

/// Waits until alpha's monitor tells of beta's life as IS_UP and INCARNATION say.
void await_beta(const TestMachine& machine, bool is_up, unsigned incarnation) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  json beta;
  do {
    beta = peer_of(machine, "alpha", "beta");
    if (beta["up"] == is_up && beta["incarnation"] == incarnation) return;
    ::usleep(20'000);
  } while (std::chrono::steady_clock::now() < end);
  ADD_FAILURE() << beta;
}

TEST(Rpc, TellsWhoMayCallWhomAndWhoLives) {
  TestMachine machine;
  machine.add_key("rpc: {calls: [{from: alpha, to: [beta]}]}");
  for (const char* name : {"alpha", "beta", "gamma"}) {
    machine.add_cell(name, std::vector{micro::halt()});
  }
  ASSERT_EQ(machine.up().status, 0);
  await_beta(machine, true, 1);
  EXPECT_EQ(peer_of(machine, "alpha", "beta")["may_call"], true);
  EXPECT_EQ(peer_of(machine, "alpha", "beta")["may_be_called"], false);
  EXPECT_EQ(peer_of(machine, "beta", "alpha")["may_be_called"], true);
  EXPECT_EQ(peer_of(machine, "gamma", "alpha")["may_call"], false);
  EXPECT_EQ(peer_of(machine, "alpha", "beta")["cid"], 4);

  ::kill(machine.status("beta")["vmm_pid"].get<pid_t>(), SIGKILL);
  await_beta(machine, false, 1);
  EXPECT_EQ(machine.hive({"reboot", machine.name() + "/beta"}).status, 0);
  await_beta(machine, true, 2);

  ::kill(machine.status("beta")["monitor_pid"].get<pid_t>(), SIGKILL);
  await_beta(machine, false, 2);
  EXPECT_EQ(peer_of(machine, "alpha", "beta")["state"], "lost");
  EXPECT_EQ(machine.hive({"reboot", machine.name() + "/alpha", "--force"}).status, 0)
      << "it needs nobody who is gone for good";
  EXPECT_THAT(machine.hive({"rpc", machine.name()}).out, testing::HasSubstr("monitor lost"));
}

TEST(Rpc, MakesTheSocketsOfAPlanAndRemovesThem) {
  TestMachine machine;
  machine.add_cell("alpha", std::vector{micro::halt()}, false, "vsock: [{port: 22, listen: ssh}]");
  const std::filesystem::path socket = machine.folder() / "ssh";
  ASSERT_EQ(machine.up().status, 0);
  EXPECT_TRUE(std::filesystem::is_socket(socket));
  EXPECT_EQ(machine.hive({"down", machine.name(), "--force"}).status, 0);
  EXPECT_FALSE(std::filesystem::exists(socket));
}

TEST(Rpc, SaysWhyASocketCannotBeMade) {
  TestMachine machine;
  machine.add_cell("alpha", std::vector{micro::halt()}, false,
                   "vsock: [{port: 22, listen: no/such/folder}]");
  const Output up = machine.up();
  EXPECT_NE(up.status, 0);
  EXPECT_THAT(up.err, testing::HasSubstr("no/such/folder"));
  EXPECT_THAT(up.err, testing::HasSubstr("make its folder"));
  EXPECT_THAT(machine.sockets(), testing::IsEmpty());
}

}  // namespace
}  // namespace hive::test
