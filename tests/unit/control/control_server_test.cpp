#include "cellmon/control/control_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>

#include "cellmon/wire/local_socket.h"
#include "tests/unit/control/test_cell.h"

namespace hive::control {
namespace {

using wire::CellState;

/// A connection that sends whatever it likes.
class RawClient {
 public:
  explicit RawClient(const TestCell& cell)
      : fd_(wire::connect_abstract(wire::socket_name(cell.address()))) {
    const timeval patience{60, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  }

  void send(const std::string& text) {
    (void)!::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
  }
  /// The next line; empty at the end.
  std::string line() {
    std::array<char, 65536> buffer;
    while (true) {
      if (auto line = lines_.next()) return *line;
      const ssize_t count = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
      if (count <= 0) return {};
      lines_.feed({buffer.data(), static_cast<std::size_t>(count)});
    }
  }
  int error_code() {
    const Json json = Json::parse(line(), nullptr, false);
    return json.is_object() && json.contains("error") ? json["error"]["code"].get<int>() : 0;
  }
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  wire::LineBuffer lines_{256 * 1024};
};

TEST(ControlServer, AnswersFaultsAsJsonRpcSays) {
  const TestCell cell("report started");
  RawClient client(cell);
  const std::pair<const char*, int> faults[] = {
      {"{\n", -32700},
      {"[]\n", -32600},
      {"{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"explode\"}\n", -32601},
      {"{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"down\", \"params\": {\"force\": 1}}\n",
       -32602},
      {"{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"status\", \"params\": {\"x\": 1}}\n",
       -32602},
      {"{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"exec\", \"params\": {\"argv\": []}}\n",
       -32602},
      {"{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"exec\", \"params\": {\"argv\": [\"x\"]}}\n",
       -32000},
  };
  for (const auto& [line, code] : faults) {
    client.send(line);
    EXPECT_EQ(client.error_code(), code) << line;
  }
}

TEST(ControlServer, DoesNotAnswerNotifications) {
  const TestCell cell("report started");
  RawClient client(cell);
  client.send(
      "{\"jsonrpc\": \"2.0\", \"method\": \"status\"}\n"
      "{\"jsonrpc\": \"2.0\", \"method\": \"explode\"}\n"
      "{\"jsonrpc\": \"2.0\", \"id\": \"mine\", \"method\": \"status\"}\n");
  EXPECT_EQ(Json::parse(client.line())["id"], "mine");
}

TEST(ControlServer, CutsAClientWithEndlessLinesOff) {
  const TestCell cell("report started");
  RawClient client(cell);
  client.send(std::string(wire::kMaxLine + 1, 'x'));
  EXPECT_EQ(client.error_code(), -32600);
  EXPECT_EQ(client.line(), "");
  TestClient other = cell.connect();
  EXPECT_EQ(TestCell::status(other).cell, "alpha");
}

TEST(ControlServer, RefusesAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to act as another user";
  const TestCell cell("report started");
  cell.await(CellState::kBooting);
  const pid_t child = ::fork();
  if (child == 0) {
    // The server is root's, which this user trusts; the server does not trust this user.
    if (::setresuid(65534, 65534, 65534) != 0) ::_exit(2);
    RawClient client(cell);
    client.send("{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"status\"}\n");
    ::_exit(client.line().empty() ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(ControlServer, StreamsEvents) {
  const TestCell cell("report started", false);
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  client.call("events.follow", {{"after", 1}});
  cell.connect().call("pause", Json::object());
  std::vector<std::string> kinds;
  while (kinds.empty() || kinds.back() != "paused") {
    const auto message = client.receive(kPatience);
    ASSERT_TRUE(message.has_value());
    const auto event = wire::parse_event(std::get<wire::RpcNotification>(*message).params);
    ASSERT_TRUE(event.has_value());
    EXPECT_EQ(event->cell, "alpha");
    EXPECT_EQ(event->sequence, 2 + kinds.size());
    kinds.push_back(event->kind);
  }
  EXPECT_THAT(kinds, testing::ElementsAre("running", "paused"));
}

TEST(ControlServer, RelaysTheConsolesBothWays) {
  const TestCell cell("serial before; virtio elsewhere; echo; report started");
  cell.await(CellState::kBooting);
  TestClient client = cell.connect();
  client.call("console.attach", Json::object());
  EXPECT_EQ(read_until(client, "\n"), "before\r\n");
  client.call("console.input", {{"data", wire::encode_base64("hello")}});
  EXPECT_EQ(read_until(client, "HELLO"), "HELLO");
  TestClient other = cell.connect();
  other.call("console.attach", {{"console", "virtio"}});
  EXPECT_EQ(read_until(other, "\n"), "elsewhere\r\n");
  EXPECT_THROW(other.call("console.attach", {{"console", "third"}}), Error);
  EXPECT_THROW(other.call("console.input", {{"data", "?"}}), Error);
}

TEST(ControlServer, CutsAClientOffThatDoesNotRead) {
  const TestCell cell("echo; report started");
  cell.await(CellState::kBooting);
  RawClient slow(cell);
  slow.send("{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"console.attach\"}\n");
  slow.line();
  TestClient writer = cell.connect();
  writer.call("console.attach", {{"replay", false}});
  const std::string piece(1024, 'x');
  for (int i = 0; i < 3000; ++i) {
    writer.call("console.input", {{"data", wire::encode_base64(piece)}});
    std::string back;
    while (back.size() < piece.size()) {
      const auto message = writer.receive(kPatience);
      ASSERT_TRUE(message.has_value());
      const auto* output = std::get_if<wire::RpcNotification>(&*message);
      ASSERT_NE(output, nullptr);
      back += wire::decode_base64(wire::text_member(output->params, "data")).value();
    }
  }
  std::array<char, 65536> buffer;
  std::size_t received = 0;
  ssize_t count = 0;
  while ((count = ::recv(slow.fd(), buffer.data(), buffer.size(), 0)) > 0) {
    received += static_cast<std::size_t>(count);
  }
  EXPECT_EQ(count, 0) << "still connected";
  EXPECT_LT(received, 3000U * 1024);
}

/// A command in the guest, by way of CLIENT.
struct Command {
  Command(TestClient& c, const std::vector<std::string>& argv)
      : client(c), session(client.call("exec", {{"argv", argv}})["session"]) {}

  /// Gathers notifications up to exec.exit or exec.lost.
  void finish() {
    while (!ended) {
      const auto message = client.receive(kPatience);
      if (!message) return;
      const auto* notification = std::get_if<wire::RpcNotification>(&*message);
      if (notification == nullptr || notification->params["session"] != session) continue;
      if (notification->method == "exec.output") {
        std::string& text = notification->params["stream"] == "stderr" ? err : out;
        text += wire::decode_base64(notification->params["data"].get<std::string>()).value();
      } else {
        ended = true;
        lost = notification->method == "exec.lost";
        status = lost ? -1 : notification->params["status"].get<int>();
      }
    }
  }

  TestClient& client;
  std::int64_t session;
  std::string out;
  std::string err;
  int status = -1;
  bool ended = false;
  bool lost = false;
};

TEST(ControlServer, RunsCommandsInTheGuest) {
  const TestCell cell("report started; agent");
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  Command command(client, {"sh", "-c", "cat; echo err >&2; exit 5"});
  client.call("exec.stdin", {{"session", command.session}, {"data", wire::encode_base64("typed")}});
  client.call("exec.stdin", {{"session", command.session}, {"eof", true}});
  command.finish();
  EXPECT_EQ(command.out, "typed");
  EXPECT_EQ(command.err, "err\n");
  EXPECT_EQ(command.status, 5);
  EXPECT_THROW(client.call("exec.stdin", {{"session", command.session}}), Error);
}

TEST(ControlServer, PassesLargeStreamsThroughBothWindows) {
  const TestCell cell("report started; agent");
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  Command command(client, {"cat"});
  std::string sent;
  std::thread reader;
  for (int i = 0; i < 40; ++i) {
    const std::string piece(30'000, static_cast<char>('a' + i % 26));
    client.call("exec.stdin", {{"session", command.session}, {"data", wire::encode_base64(piece)}},
                kPatience);
    sent += piece;
  }
  client.call("exec.stdin", {{"session", command.session}, {"eof", true}}, kPatience);
  command.finish();
  EXPECT_EQ(command.status, 0);
  EXPECT_EQ(command.out.size(), sent.size());
  EXPECT_TRUE(command.out == sent);
}

TEST(ControlServer, HoldsInputBackThatTheCommandDoesNotRead) {
  const TestCell cell("report started; agent");
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  Command command(client, {"sleep", "1000"});
  const std::string piece = wire::encode_base64(std::string(30'000, 'x'));
  std::size_t taken = 0;
  try {
    while (taken < 100) {
      client.call("exec.stdin", {{"session", command.session}, {"data", piece}}, Milliseconds(300));
      ++taken;
    }
  } catch (const Error&) {
    EXPECT_LE(taken * 30'000, 2 * HIVE_AGENT_WINDOW_BYTES + 65536);
  }
  EXPECT_LT(taken, 100U);
  client.call("exec.signal", {{"session", command.session}, {"signal", SIGKILL}});
  command.finish();
  EXPECT_EQ(command.status, 128 + SIGKILL);
}

TEST(ControlServer, HoldsACommandBackWhoseClientDoesNotRead) {
  const TestCell cell("report started; agent");
  cell.await(CellState::kRunning);
  RawClient slow(cell);
  slow.send(
      "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"exec\", \"params\": "
      "{\"argv\": [\"head\", \"-c\", \"4000000\", \"/dev/zero\"]}}\n");
  ::usleep(300'000);
  std::size_t received = 0;
  while (true) {
    const Json json = Json::parse(slow.line(), nullptr, false);
    ASSERT_TRUE(json.is_object()) << "cut off after " << received;
    if (json.value("method", "") == "exec.exit") break;
    if (json.value("method", "") != "exec.output") continue;
    received += wire::decode_base64(json["params"]["data"].get<std::string>()).value().size();
  }
  EXPECT_EQ(received, 4'000'000U);
}

TEST(ControlServer, KillsTheCommandsOfAClientThatLeaves) {
  const TestCell cell("report started; agent");
  cell.await(CellState::kRunning);
  pid_t sleeper = 0;
  {
    TestClient client = cell.connect();
    Command command(client, {"sh", "-c", "echo $$; exec sleep 1000"});
    while (sleeper == 0) {
      const auto message = client.receive(kPatience);
      ASSERT_TRUE(message.has_value());
      const auto* output = std::get_if<wire::RpcNotification>(&*message);
      if (output == nullptr) continue;
      sleeper = std::stoi(wire::decode_base64(output->params["data"].get<std::string>()).value());
    }
    ASSERT_EQ(::kill(sleeper, 0), 0);
  }
  bool gone = false;
  for (int tries = 0; tries < 12'000 && !gone; ++tries) {
    gone = ::kill(sleeper, 0) != 0;
    ::usleep(5000);
  }
  EXPECT_TRUE(gone);
}

TEST(ControlServer, TellsOfCommandsThatAreLost) {
  const TestCell cell("report started; agent");
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  Command command(client, {"sleep", "1000"});
  cell.connect().call("reboot", {{"force", true}}, kPatience);
  command.finish();
  EXPECT_TRUE(command.lost);
}

TEST(ControlServer, KeepsSessionsToTheirClients) {
  const TestCell cell("report started; agent");
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  Command command(client, {"sleep", "1000"});
  TestClient other = cell.connect();
  EXPECT_THROW(other.call("exec.signal", {{"session", command.session}, {"signal", 9}}), Error);
}

TEST(ControlServer, PagesLongListsOfEvents) {
  const TestCell cell("report started", false);
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  for (int i = 0; i < 300; ++i) {
    client.call("pause", Json::object());
    client.call("resume", Json::object());
  }
  std::uint64_t after = 0;
  std::size_t pages = 0;
  Json page;
  do {
    page = client.call("events.list", {{"after", after}});
    EXPECT_LE(page.dump().size(), wire::kMaxLine);
    for (const Json& event : page["events"]) {
      EXPECT_EQ(event["sequence"], after + 1);
      ++after;
    }
    ++pages;
  } while (page["more"] == true);
  EXPECT_EQ(after, 602U);
  EXPECT_GT(pages, 1U);
}

}  // namespace
}  // namespace hive::control
