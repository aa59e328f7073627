// What the tests of RPC share: services on Unix sockets, and a monitor that answers as told.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "guests/sdk/rpc/client.h"
#include "guests/sdk/rpc/server.h"
#include "guests/sdk/rpc/socket_link.h"
#include "guests/sdk/rpc/sockets.h"

namespace hive::testing {

using rpc::Bytes;
using rpc::ByteView;
using rpc::Clock;
using namespace std::chrono_literals;

inline Bytes bytes(std::string_view text) { return {text.begin(), text.end()}; }
inline std::string text(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

/// Two ends of a stream.
inline std::pair<UniqueFd, UniqueFd> socket_pair() {
  int ends[2] = {-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

/// A path for a Unix socket, removed in the end.
class SocketPath {
 public:
  SocketPath() {
    char name[] = "/tmp/hive-rpc-XXXXXX";
    EXPECT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
  }
  SocketPath(const SocketPath&) = delete;
  SocketPath& operator=(const SocketPath&) = delete;
  ~SocketPath() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  [[nodiscard]] rpc::Address address() const { return {0, 0, folder_ + "/socket"}; }

 private:
  std::string folder_;
};

/// What was told to it; its answers are set.
class FakeMonitor : public rpc::Monitor {
 public:
  struct Hint {
    rpc::Suspect suspect;
    hive_monitor_hint hint;
    std::uint64_t detail;
  };

  std::optional<rpc::CellState> cell(std::uint32_t, Clock::time_point) override {
    const std::lock_guard lock(mutex_);
    return state_;
  }
  std::optional<rpc::CellState> cell_of_cid(std::uint32_t, Clock::time_point) override {
    const std::lock_guard lock(mutex_);
    return state_;
  }
  void hint(const rpc::Suspect& suspect, hive_monitor_hint hint,
            std::uint64_t detail) noexcept override {
    const std::lock_guard lock(mutex_);
    hints_.push_back({suspect, hint, detail});
  }
  void answer(std::optional<rpc::CellState> state) {
    const std::lock_guard lock(mutex_);
    state_ = std::move(state);
  }
  std::vector<Hint> hints() {
    const std::lock_guard lock(mutex_);
    return hints_;
  }

 private:
  std::mutex mutex_;
  std::optional<rpc::CellState> state_;
  std::vector<Hint> hints_;
};

inline std::unique_ptr<rpc::Listener> listen(const rpc::Address& address) {
  auto listener = rpc::SocketListener::open(address);
  EXPECT_TRUE(listener.ok()) << (listener.ok() ? "" : listener.failure().message);
  return std::move(listener).value();
}

inline rpc::ServerOptions served(unsigned workers = 2) {
  rpc::ServerOptions options;
  options.service = "test";
  options.own = {1, 7};
  options.workers = workers;
  return options;
}

inline rpc::ClientOptions caller(std::shared_ptr<rpc::Monitor> monitor = nullptr) {
  rpc::ClientOptions options;
  options.service = "test";
  options.own = {0, 3};
  options.monitor = std::move(monitor);
  return options;
}

inline std::shared_ptr<rpc::Connector> connector(const rpc::Address& address) {
  return std::make_shared<rpc::SocketConnector>(address);
}

/// A handler that replies with the request.
inline std::optional<rpc::HandlerError> echo(const rpc::Request& request, Bytes& reply) {
  reply.assign(request.payload.begin(), request.payload.end());
  return {};
}

/// A request to the server of served(), not sealed.
inline hive_rpc_frame request(std::uint64_t id) {
  hive_rpc_frame header{};
  header.kind = HIVE_RPC_REQUEST;
  header.id = id;
  header.time_left = 60'000'000;
  header.callee_incarnation = 7;
  header.method = 1;
  return header;
}

inline rpc::CallOptions within(std::chrono::nanoseconds timeout) { return {timeout, false}; }

/// For what surely comes, however slow the machine is.
inline constexpr std::chrono::seconds kPatience{30};
inline Clock::time_point soon() { return Clock::now() + kPatience; }

/// Waits until DONE, half a minute at most.
inline bool eventually(const std::function<bool()>& done) {
  const auto end = soon();
  while (!done()) {
    if (Clock::now() > end) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

/// Descriptors that this process has open.
inline std::size_t open_descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    ++count;
  }
  return count;
}

}  // namespace hive::testing
