// How a monitor shares its places out among many clients.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "cellmon/control/control_server.h"
#include "tests/unit/control/test_cell.h"

namespace hive::control {
namespace {

using testing::HasSubstr;
using wire::CellState;

std::string fault_of(TestClient& client, const char* method) {
  try {
    client.call(method, Json::object());
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(ClientLimit, GivesTheLongestIdleClientsPlaceToANewOne) {
  const TestCell cell("report started");
  std::vector<TestClient> clients;
  for (std::size_t i = 0; i < ControlServer::kMaxClients; ++i) {
    clients.push_back(cell.connect());
    TestCell::status(clients.back());
  }
  TestCell::status(clients[0]);
  TestClient one_more = cell.connect();
  EXPECT_EQ(TestCell::status(one_more).cell, "alpha");
  EXPECT_EQ(TestCell::status(clients[0]).cell, "alpha");
  EXPECT_THAT(fault_of(clients[1], "status"), HasSubstr("too many clients are connected"));
  EXPECT_EQ(TestCell::status(clients[2]).cell, "alpha");
}

TEST(ClientLimit, LeavesPlacesForClientsThatDoNotFollow) {
  const TestCell cell("report started");
  std::vector<TestClient> followers;
  for (std::size_t i = 0; i < ControlServer::kMaxFollowers; ++i) {
    followers.push_back(cell.connect());
    followers.back().call(i % 2 == 0 ? "events.follow" : "console.attach", Json::object());
  }
  for (const char* method : {"events.follow", "console.attach"}) {
    TestClient one_more = cell.connect();
    EXPECT_THAT(fault_of(one_more, method), HasSubstr("too many clients follow the cell; end"));
  }
  std::vector<TestClient> others;
  for (std::size_t i = 0; i < 2 * ControlServer::kMaxClients; ++i) {
    others.push_back(cell.connect());
    EXPECT_EQ(TestCell::status(others.back()).cell, "alpha");
  }
  EXPECT_EQ(fault_of(followers[0], "console.attach"), "");
  for (TestClient& follower : followers) EXPECT_EQ(TestCell::status(follower).cell, "alpha");
  followers.pop_back();
  std::string fault = "?";
  for (int tries = 0; tries < 1000 && !fault.empty(); ++tries) {
    fault = fault_of(others.back(), "events.follow");
  }
  EXPECT_EQ(fault, "");
}

TEST(ClientLimit, TakesARequestThatWaitsAsLessIdle) {
  const TestCell cell("report started");
  cell.await(CellState::kBooting);
  TestClient waits = cell.connect();
  const std::uint64_t id = waits.send("reboot", {{"grace_ms", 2000}});
  std::vector<TestClient> others;
  for (std::size_t i = 0; i < 2 * ControlServer::kMaxClients; ++i) {
    others.push_back(cell.connect());
    TestCell::status(others.back());
  }
  const auto message = waits.receive(kPatience);
  ASSERT_TRUE(message.has_value());
  const auto* result = std::get_if<wire::RpcResult>(&*message);
  ASSERT_NE(result, nullptr);
  EXPECT_EQ(result->id, id);
}

}  // namespace
}  // namespace hive::control
