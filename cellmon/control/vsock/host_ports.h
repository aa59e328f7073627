// The ports of the host that a cell's guest may call: sockets of the host that the plan names.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "vmm/base/unique_fd.h"
#include "vmm/plan/plan.h"

namespace hive::control {

/// Connects to the sockets. Nothing blocks: a listener that is busy is tried again for a while.
/// Single-threaded.
class HostPorts {
 public:
  /// Where ERROR, an errno value, is 0: SOCKET is connected.
  using OnOpened =
      std::function<void(std::uint32_t request, std::uint32_t port, int error, UniqueFd socket)>;

  /// Calls of one guest that wait for busy listeners.
  static constexpr std::size_t kMaxWaiting = 64;
  static constexpr std::chrono::milliseconds kRetry{20};
  /// How long a listener may be busy.
  static constexpr std::chrono::milliseconds kLimit{2'000};

  HostPorts(boost::asio::io_context& loop, const std::vector<plan::VsockPort>& ports,
            OnOpened on_opened);

  /// Answers REQUEST by on_opened, from within this call or later.
  void open(std::uint32_t request, std::uint32_t port);
  /// Forgets the requests that wait.
  void clear();
  /// The path of the socket behind PORT; empty where there is none.
  [[nodiscard]] std::string path_of(std::uint32_t port) const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Waiting {
    std::uint32_t request = 0;
    std::uint32_t port = 0;
    Clock::time_point end;
  };

  /// Tries once. False when the listener is busy.
  bool try_open(std::uint32_t request, std::uint32_t port, bool last);
  void arm();
  void retry();

  std::map<std::uint32_t, std::string> paths_;
  OnOpened on_opened_;
  std::deque<Waiting> waiting_;
  boost::asio::steady_timer timer_;
};

}  // namespace hive::control
