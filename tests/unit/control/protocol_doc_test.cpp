// docs/control-protocol.md tells of all that a monitor does and says, and of nothing else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "tests/unit/control/test_cell.h"

namespace hive::control {
namespace {

using Names = std::set<std::string>;

/// The names in backticks in CELL, the first column of a row.
void add_names(const std::string& cell, Names& names) {
  for (std::size_t at = 0; (at = cell.find('`', at)) != std::string::npos;) {
    const std::size_t end = cell.find('`', at + 1);
    names.insert(cell.substr(at + 1, end - at - 1));
    at = end + 1;
  }
}

/// The names in the first column of the table below HEADING whose first row begins with HEAD.
Names documented(const std::string& heading, const std::string& head) {
  std::ifstream file(HIVE_SOURCE_DIR "/docs/control-protocol.md");
  Names names;
  bool in_section = false;
  bool in_table = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("## ")) in_section = line == "## " + heading;
    if (!line.starts_with("|")) in_table = false;
    if (in_table) add_names(line.substr(0, line.find('|', 1)), names);
    if (in_section && line.starts_with("| " + head + " |")) in_table = true;
  }
  EXPECT_FALSE(names.empty()) << heading;
  return names;
}

Names members_of(const Json& object) {
  Names names;
  for (const auto& [key, value] : object.items()) names.insert(key);
  return names;
}

/// The code of the error that METHOD with an unknown parameter ends in; 0: none.
int error_code(TestClient& client, const std::string& method) {
  const std::uint64_t id = client.send(method, {{"no-such-parameter", 1}});
  while (const auto message = client.receive(kPatience)) {
    const auto* error = std::get_if<wire::RpcError>(&*message);
    if (error != nullptr && error->id == id) return error->code;
  }
  return 0;
}

TEST(ProtocolDoc, TellsOfEveryMethod) {
  const TestCell cell("report started", false);
  TestClient client = cell.connect();
  const Names methods = documented("Methods", "method");
  const std::vector<std::string> known = Methods::names();
  EXPECT_EQ(methods, Names(known.begin(), known.end()));
  for (const std::string& method : methods) {
    EXPECT_EQ(error_code(client, method), static_cast<int>(wire::RpcCode::kInvalidParams))
        << method << " takes a parameter that it does not know";
  }
  EXPECT_EQ(error_code(client, "explode"), static_cast<int>(wire::RpcCode::kMethodNotFound));
}

TEST(ProtocolDoc, TellsOfEveryMemberOfAStatusAndAnEvent) {
  const TestCell cell("report started", false);
  cell.await(wire::CellState::kRunning);
  TestClient client = cell.connect();
  EXPECT_EQ(documented("Status", "member"), members_of(client.call("status", Json::object())));
  const Json events = client.call("events.list", Json::object())["events"];
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(documented("Events", "member"), members_of(events[0]));
}

TEST(ProtocolDoc, TellsOfEveryState) {
  constexpr int kStates = static_cast<int>(wire::CellState::kStopped) + 1;
  Names states;
  for (int i = 0; i < kStates; ++i) {
    states.emplace(to_string(static_cast<wire::CellState>(i)));
  }
  EXPECT_EQ(documented("Status", "state"), states);
}

TEST(ProtocolDoc, TellsOfTheLimits) {
  std::ifstream file(HIVE_SOURCE_DIR "/docs/control-protocol.md");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  std::replace(text.begin(), text.end(), '\n', ' ');
  for (const std::string& limit :
       {"at most " + std::to_string(ControlServer::kMaxClients) + " clients",
        "A VMM has " + std::to_string(CellMachine::kHoldLimit.count() / 1000) + " seconds",
        "The last " + std::to_string(EventLog::kCapacity) + " are kept",
        "at most " + std::to_string(CellMachine::kMaxGuestEvents) + " events per incarnation",
        "At most " + std::to_string(HIVE_AGENT_MAX_SESSIONS) + " commands",
        std::to_string(wire::kMaxLine / 1024) + " KiB long",
        std::to_string(ControlClient::kMaxQueue / 1024 / 1024) + " MiB waits"}) {
    EXPECT_THAT(text, testing::HasSubstr(limit));
  }
}

}  // namespace
}  // namespace hive::control
