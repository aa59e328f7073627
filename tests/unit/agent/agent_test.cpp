#include "guests/agent/agent.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "guests/abi/agent_protocol.h"
#include "tests/unit/agent/agent_fixture.h"

namespace hive::agent {
namespace {

using abi::encode_u32;

/// Whether process PID exists and is no zombie.
bool is_alive(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string number;
  std::string name;
  std::string state;
  return (file >> number >> name >> state) && state != "Z" && state != "X";
}

/// Waits up to a minute for process PID to end; whether it has.
bool await_end(pid_t pid) {
  for (int i = 0; i < 6000 && is_alive(pid); ++i) ::usleep(10'000);
  return !is_alive(pid);
}

TEST_F(AgentTest, SaysHelloFirst) {
  const AgentFrame frame = receive();
  EXPECT_EQ(frame.type, HIVE_AGENT_HELLO);
  EXPECT_EQ(frame.payload, "hello");
}

TEST_F(AgentTest, SaysWhereThingsAre) {
  receive();
  send(HIVE_AGENT_LOCATE, 5, R"(["text"])");
  const AgentFrame found = receive();
  EXPECT_EQ(found.type, HIVE_AGENT_LOCATED);
  EXPECT_EQ(found.session, 5U);
  const auto ranges = abi::decode_ranges(found.payload);
  ASSERT_TRUE(ranges.has_value());
  ASSERT_EQ(ranges->size(), 1U);
  EXPECT_EQ(ranges->front().start, 0x1000U);
  EXPECT_EQ(ranges->front().size, 16U);
  for (const auto& [question, why] :
       {std::pair(R"(["soul"])", "no soul"), std::pair(R"({"what": 1})", "not a question")}) {
    send(HIVE_AGENT_LOCATE, 6, question);
    const AgentFrame refused = receive();
    EXPECT_EQ(refused.type, HIVE_AGENT_REFUSED);
    EXPECT_EQ(refused.session, 6U);
    EXPECT_EQ(refused.payload, why);
  }
}

TEST_F(AgentTest, HasTheKernelPanicOrSaysWhyNot) {
  receive();
  send(HIVE_AGENT_PANIC, 5, "");
  send(HIVE_AGENT_PANIC, 6, "");
  const AgentFrame refused = receive();
  EXPECT_EQ(refused.type, HIVE_AGENT_REFUSED);
  EXPECT_EQ(refused.session, 6U);
  EXPECT_EQ(refused.payload, "no trigger");
  EXPECT_EQ(panics_, 2);
}

TEST_F(AgentTest, RunsACommand) {
  send(HIVE_AGENT_EXEC, 1, R"(["sh", "-c", "echo out; echo err >&2; exit 3"])");
  const Result result = finish(1);
  EXPECT_EQ(result.out, "out\n");
  EXPECT_EQ(result.err, "err\n");
  EXPECT_EQ(result.status, 3);
}

TEST_F(AgentTest, SaysWhyACommandCannotRun) {
  send(HIVE_AGENT_EXEC, 1, R"(["/no/such/command"])");
  const Result missing = finish(1);
  EXPECT_EQ(missing.status, 127);
  EXPECT_NE(missing.err.find("No such file"), std::string::npos);
  send(HIVE_AGENT_EXEC, 2, R"(["/etc/passwd"])");
  EXPECT_EQ(finish(2).status, 126);
  send(HIVE_AGENT_EXEC, 3, "not json");
  EXPECT_EQ(finish(3).status, 126);
}

TEST_F(AgentTest, FeedsStandardInputUpToItsEnd) {
  send(HIVE_AGENT_EXEC, 1, R"(["cat"])");
  send(HIVE_AGENT_STDIN, 1, "one ");
  send(HIVE_AGENT_STDIN, 1, "two");
  send(HIVE_AGENT_STDIN, 1, "");
  const Result result = finish(1);
  EXPECT_EQ(result.out, "one two");
  EXPECT_EQ(result.status, 0);
}

TEST_F(AgentTest, RunsCommandsSideBySide) {
  send(HIVE_AGENT_EXEC, 1, R"(["cat"])");
  send(HIVE_AGENT_EXEC, 2, R"(["echo", "second"])");
  EXPECT_EQ(finish(2).out, "second\n");
  send(HIVE_AGENT_STDIN, 1, "first");
  send(HIVE_AGENT_STDIN, 1, "");
  EXPECT_EQ(finish(1).out, "first");
}

TEST_F(AgentTest, LimitsTheCommandsAtATime) {
  for (std::uint32_t id = 1; id <= HIVE_AGENT_MAX_SESSIONS + 1; ++id) {
    send(HIVE_AGENT_EXEC, id, R"(["cat"])");
  }
  EXPECT_EQ(finish(HIVE_AGENT_MAX_SESSIONS + 1).status, 126);
  send(HIVE_AGENT_STDIN, 1, "");
  EXPECT_EQ(finish(1).status, 0);
}

TEST_F(AgentTest, SignalsTheWholeCommand) {
  send(HIVE_AGENT_EXEC, 1, R"(["sh", "-c", "echo up; sleep 100; echo never"])");
  while (receive().type != HIVE_AGENT_STDOUT) {
  }
  send(HIVE_AGENT_SIGNAL, 1, encode_u32(SIGTERM));
  const Result result = finish(1);
  EXPECT_EQ(result.status, 128 + SIGTERM);
  EXPECT_EQ(result.out, "");
}

TEST_F(AgentTest, DoesNotWaitForWhoeverKeptThePipe) {
  send(HIVE_AGENT_EXEC, 1, R"(["sh", "-c", "sleep 1000 & echo $!"])");
  const Result result = finish(1);
  EXPECT_EQ(result.status, 0);
  const pid_t sleeper = std::stoi(result.out);
  EXPECT_EQ(::kill(sleeper, SIGKILL), 0);
}

TEST_F(AgentTest, DoesNotWaitForWhoeverWritesOn) {
  constexpr std::size_t kPipe = 65536;  // What a pipe holds.
  send(HIVE_AGENT_EXEC, 1, R"(["sh", "-c", "echo $$; yes & exit 5"])");
  std::size_t received = 0;
  pid_t shell = 0;
  AgentFrame frame;
  do {
    frame = receive();
    ASSERT_NE(frame.type, 0);
    if (frame.type != HIVE_AGENT_STDOUT) continue;
    if (shell == 0) shell = std::stoi(frame.payload);
    received += frame.payload.size();
    ASSERT_LE(received, HIVE_AGENT_WINDOW_BYTES + kPipe) << "output without end";
    if (received < HIVE_AGENT_WINDOW_BYTES) continue;
    // The window is used up: the command ends, and the writer fills the pipe again and again.
    ASSERT_TRUE(await_end(shell));
    ::usleep(received == HIVE_AGENT_WINDOW_BYTES ? 100'000 : 1000);
    send(HIVE_AGENT_WINDOW, 1, encode_u32(4096));
  } while (frame.type != HIVE_AGENT_EXIT);
  EXPECT_EQ(abi::decode_u32(frame.payload), 5U);
}

TEST_F(AgentTest, SignalsThoseWhomTheCommandLeft) {
  // More output than the window lets through, so that the session outlasts its command.
  send(HIVE_AGENT_EXEC, 1, R"(["sh", "-c", "sleep 1000 & echo $! $$; head -c 100000 /dev/zero"])");
  pid_t sleeper = 0;
  pid_t shell = 0;
  for (std::size_t received = 0; received < HIVE_AGENT_WINDOW_BYTES;) {
    const AgentFrame frame = receive();
    ASSERT_NE(frame.type, 0);
    if (frame.type != HIVE_AGENT_STDOUT) continue;
    if (sleeper == 0) std::istringstream(frame.payload) >> sleeper >> shell;
    received += frame.payload.size();
  }
  ASSERT_TRUE(await_end(shell));
  ASSERT_TRUE(is_alive(sleeper));
  send(HIVE_AGENT_SIGNAL, 1, encode_u32(SIGTERM));
  EXPECT_TRUE(await_end(sleeper));
  ::kill(sleeper, SIGKILL);
  send(HIVE_AGENT_WINDOW, 1, encode_u32(HIVE_AGENT_WINDOW_BYTES));
  EXPECT_EQ(finish(1).status, 0);
}

TEST_F(AgentTest, KillsThoseWhomACommandLeftWhenTheMonitorHangsUp) {
  send(HIVE_AGENT_EXEC, 1, R"(["sh", "-c", "sleep 1000 & echo $! $$; head -c 100000 /dev/zero"])");
  AgentFrame frame = receive();
  while (frame.type == HIVE_AGENT_HELLO) frame = receive();
  pid_t sleeper = 0;
  pid_t shell = 0;
  std::istringstream(frame.payload) >> sleeper >> shell;
  ASSERT_TRUE(await_end(shell));
  host_.reset();
  thread_.join();
  EXPECT_TRUE(await_end(sleeper));
  ::kill(sleeper, SIGKILL);
  thread_ = std::thread([] {});
}

TEST_F(AgentTest, SendsNoMoreThanTheWindow) {
  send(HIVE_AGENT_EXEC, 1, R"(["head", "-c", "200000", "/dev/zero"])");
  std::size_t received = 0;
  while (received < HIVE_AGENT_WINDOW_BYTES) {
    const AgentFrame frame = receive();
    ASSERT_NE(frame.type, 0);
    if (frame.type == HIVE_AGENT_STDOUT) received += frame.payload.size();
  }
  EXPECT_EQ(received, HIVE_AGENT_WINDOW_BYTES);
  EXPECT_EQ(receive(200).type, 0) << "sent past its window";
  std::uint32_t grant = 10'000;
  while (received < 200'000) {
    send(HIVE_AGENT_WINDOW, 1, encode_u32(grant));
    const AgentFrame frame = receive();
    ASSERT_EQ(frame.type, HIVE_AGENT_STDOUT);
    grant = static_cast<std::uint32_t>(frame.payload.size());
    received += grant;
  }
  EXPECT_EQ(received, 200'000U);
  EXPECT_EQ(finish(1).status, 0);
}

TEST_F(AgentTest, OpensTheInputWindowAsTheCommandReads) {
  send(HIVE_AGENT_EXEC, 1, R"(["wc", "-c"])");
  abi::SendWindow window;
  std::size_t left = 1'000'000;
  std::string out;
  while (left > 0) {
    const std::size_t size = std::min({left, window.available(), std::size_t{10'000}});
    if (size > 0) {
      send(HIVE_AGENT_STDIN, 1, std::string(size, 'x'));
      window.spend(size);
      left -= size;
      continue;
    }
    const AgentFrame frame = receive();
    ASSERT_NE(frame.type, 0);
    if (frame.type != HIVE_AGENT_WINDOW) continue;
    ASSERT_TRUE(window.extend(abi::decode_u32(frame.payload).value_or(0)));
  }
  send(HIVE_AGENT_STDIN, 1, "");
  EXPECT_EQ(finish(1).out, "1000000\n");
}

TEST_F(AgentTest, StaysResponsiveWhenACommandReadsNothing) {
  send(HIVE_AGENT_EXEC, 1, R"(["sleep", "100"])");
  for (std::size_t sent = 0; sent < HIVE_AGENT_WINDOW_BYTES; sent += 8192) {
    send(HIVE_AGENT_STDIN, 1, std::string(8192, 'x'));
  }
  send(HIVE_AGENT_PING, 0, "still there?");
  AgentFrame frame = receive();
  while (frame.type != HIVE_AGENT_PONG && frame.type != 0) frame = receive();
  EXPECT_EQ(frame.payload, "still there?");
}

TEST_F(AgentTest, HangsUpOnAnOverrunOfTheWindow) {
  send(HIVE_AGENT_EXEC, 1, R"(["sleep", "100"])");
  for (std::size_t sent = 0; sent <= 4 * HIVE_AGENT_WINDOW_BYTES; sent += 8192) {
    const std::string frame = abi::encode_frame(HIVE_AGENT_STDIN, 1, std::string(8192, 'x'));
    if (::write(host_.get(), frame.data(), frame.size()) < 0) break;
  }
  while (receive().type != 0) {
  }
  EXPECT_EQ(::recv(host_.get(), nullptr, 0, MSG_DONTWAIT), 0) << "still connected";
}

TEST_F(AgentTest, HangsUpOnABadHeader) {
  send(HIVE_AGENT_PING, 0, "");
  send_bytes(std::string(16, 'x'));
  while (receive().type != 0) {
  }
  EXPECT_EQ(::recv(host_.get(), nullptr, 0, MSG_DONTWAIT), 0) << "still connected";
}

TEST_F(AgentTest, PassesPowerRequestsOn) {
  send(HIVE_AGENT_POWEROFF, 0, "");
  send(HIVE_AGENT_REBOOT, 0, "");
  send(HIVE_AGENT_PING, 0, "");
  while (receive().type != HIVE_AGENT_PONG) {
  }
  EXPECT_EQ(offs_, 1);
  EXPECT_EQ(reboots_, 1);
}

TEST_F(AgentTest, PassesOnlySoundListsOfCellsOn) {
  const std::string list = "3 alpha\n4294967294 beta-2\n";
  send(HIVE_AGENT_CELLS, 0, list);
  for (const char* wrong : {"", "\n", "3 alpha", "3 alpha\n\n", "3 alpha\n4", "2 alpha\n",
                            "4294967295 alpha\n", "-3 alpha\n", "x alpha\n", "3 Alpha\n",
                            "3  alpha\n", "3 al/pha\n", "3 alpha \n", "3 \n", "3\n"}) {
    send(HIVE_AGENT_CELLS, 0, wrong);
  }
  send(HIVE_AGENT_CELLS, 0, "3 " + std::string(33, 'a') + "\n");
  send(HIVE_AGENT_PING, 0, "");
  while (receive().type != HIVE_AGENT_PONG) {
  }
  EXPECT_EQ(cells_, std::vector<std::string>{list});
}

TEST_F(AgentTest, KillsItsCommandsWhenTheMonitorHangsUp) {
  send(HIVE_AGENT_EXEC, 1, R"(["sh", "-c", "echo $$; exec sleep 1000"])");
  AgentFrame frame = receive();
  while (frame.type == HIVE_AGENT_HELLO) frame = receive();
  const pid_t command = std::stoi(frame.payload);
  ASSERT_EQ(::kill(command, 0), 0);
  host_.reset();
  thread_.join();
  EXPECT_NE(::kill(command, 0), 0);
  thread_ = std::thread([] {});
}

}  // namespace
}  // namespace hive::agent
