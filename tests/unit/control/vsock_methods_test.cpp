// The methods about vsock, and what the guest's agent is told, over a whole monitor.
#include <gmock/gmock.h>

#include "tests/unit/control/test_cell.h"

namespace hive::control {
namespace {

using testing::HasSubstr;

std::string refusal(TestClient& client, const char* method, const Json& params) {
  try {
    return "accepted: " + client.call(method, params).dump();
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(VsockMethods, TellOfACellWithoutSiblings) {
  const TestCell cell("counts; report started", false);
  cell.await(wire::CellState::kRunning);
  TestClient client = cell.connect();
  EXPECT_EQ(client.call("rpc", Json::object()),
            Json::parse(R"({"cell": "alpha", "cid": 3, "packets_per_second": 200000,
                            "faults": false, "answered": true, "hints": 0, "failed_calls": 0,
                            "malformed_by_vmm": 1, "peers": [],
                            "guest": {"malformed": 2, "host_connections": 3, "host_expired": 4,
                                      "host_cut": 5}})"));
}

TEST(VsockMethods, InjectFaultsOnlyWhereThePlanAllowsThem) {
  const TestCell cell("report started", false);
  TestClient client = cell.connect();
  EXPECT_THAT(refusal(client, "rpc.faults", {{"cell", "beta"}}), HasSubstr("faults: enabled"));
  EXPECT_THAT(refusal(client, "rpc.faults", Json::object()), HasSubstr("cell is missing"));
  EXPECT_THAT(refusal(client, "rpc.faults", {{"cell", "beta"}, {"drop", 1'000'001}}),
              HasSubstr("drop"));
  EXPECT_THAT(refusal(client, "rpc.faults", {{"cell", "beta"}, {"delay_us", 1'000'001}}),
              HasSubstr("delay_us"));
}

TEST(VsockMethods, TellTheAgentTheNamesOfTheCells) {
  const TestCell cell("report started; cells; agent");
  cell.await(wire::CellState::kRunning);
  TestClient client = cell.connect();
  client.call("console.attach", Json::object());
  EXPECT_THAT(read_until(client, "3 alpha"), HasSubstr("3 alpha"));
}

}  // namespace
}  // namespace hive::control
