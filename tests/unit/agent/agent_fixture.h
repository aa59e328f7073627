// An agent, and the monitor's end of its port.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "guests/abi/agent_codec.h"
#include "guests/abi/agent_protocol.h"
#include "guests/agent/agent.h"
#include "vmm/base/unique_fd.h"

namespace hive::agent {

using abi::AgentFrame;

inline constexpr int kPatience = 60'000;  // Milliseconds.

/// The monitor's end of a port, and an agent that serves the other end.
class AgentTest : public testing::Test {
 protected:
  AgentTest() {
    ::signal(SIGPIPE, SIG_IGN);
    std::array<int, 2> fds{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
    host_.reset(fds[0]);
    port_.reset(fds[1]);
    ::fcntl(port_.get(), F_SETFL, O_NONBLOCK);
    thread_ = std::thread([this] {
      Agent agent(port_.get(), "hello", {[this] { ++offs_; }, [this] { ++reboots_; }},
                  [this](const std::string& text) { cells_.push_back(text); }, read_load,
                  {[](const std::vector<std::string>& words) { return locate_nothing(words); },
                   [this] { return ++panics_ > 1 ? "no trigger" : ""; }, write_nothing});
      agent.run();
      port_.reset();
    });
  }
  ~AgentTest() override {
    host_.reset();
    thread_.join();
  }

  static std::optional<hive_agent_load> read_load() {
    hive_agent_load load{};
    load.total = 1000;
    load.free = 10;
    return load;
  }

  /// Finds "text" alone.
  static Located locate_nothing(const std::vector<std::string>& words) {
    if (words == std::vector<std::string>{"text"}) return {{{0x1000, 16}}, {}};
    return {{}, "no " + words[0]};
  }

  /// By the seed: 0 is refused, 1 is killed, 2 never ends.
  static WildResult write_nothing(const hive_agent_wild_writes& request) {
    if (request.seed == 0) return {{}, "no device"};
    if (request.seed == 1) ::raise(SIGKILL);
    while (request.seed == 2) ::pause();
    return {{request.count, request.rate}, {}};
  }
  static std::string wild_writes(std::uint64_t seed) {
    return abi::encode_wild_writes({HIVE_AGENT_ALL, 3, 4, 1000, seed});
  }

  void send(std::uint16_t type, std::uint32_t session, std::string_view payload) {
    send_bytes(abi::encode_frame(type, session, payload));
  }
  void send_bytes(const std::string& bytes) {
    ASSERT_EQ(::write(host_.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }

  /// The next frame; type 0 when the agent hung up or was silent too long.
  AgentFrame receive(int patience = kPatience) {
    while (true) {
      if (auto frame = decoder_.next()) return *frame;
      pollfd entry{host_.get(), POLLIN, 0};
      if (::poll(&entry, 1, patience) != 1) return {};
      std::array<char, 4096> buffer;
      const ssize_t count = ::read(host_.get(), buffer.data(), buffer.size());
      if (count <= 0) return {};
      decoder_.feed({buffer.data(), static_cast<std::size_t>(count)});
    }
  }

  struct Result {
    std::string out;
    std::string err;
    int status = -1;
  };
  /// Gathers the frames of SESSION up to its EXIT.
  Result finish(std::uint32_t session) {
    Result result;
    while (true) {
      const AgentFrame frame = receive();
      if (frame.type == 0) return result;
      if (frame.session != session) continue;
      if (frame.type == HIVE_AGENT_STDOUT) result.out += frame.payload;
      if (frame.type == HIVE_AGENT_STDERR) result.err += frame.payload;
      if (frame.type == HIVE_AGENT_EXIT) {
        result.status = static_cast<int>(abi::decode_u32(frame.payload).value_or(~0U));
        return result;
      }
    }
  }

  UniqueFd host_;
  UniqueFd port_;
  abi::FrameDecoder decoder_;
  std::vector<std::string> cells_;  ///< The agent's until it has answered.
  std::atomic<int> offs_{0};
  std::atomic<int> panics_{0};
  std::atomic<int> reboots_{0};
  std::thread thread_;
};

}  // namespace hive::agent
