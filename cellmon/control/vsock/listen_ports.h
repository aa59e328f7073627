// Sockets on the host by which its programs call ports of a cell's guest.
#pragma once

#include <spdlog/logger.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <vector>

#include "cellmon/wire/path_socket.h"
#include "vmm/base/unique_fd.h"
#include "vmm/plan/plan.h"

namespace hive::control {

/// Makes the sockets, which are gone with this object, and takes their callers. A caller that
/// cannot be passed on is hung up on. Single-threaded.
class ListenPorts {
 public:
  /// CALLER, a connected stream socket, wants to talk to PORT of the guest.
  using OnCall = std::function<void(std::uint32_t port, UniqueFd caller)>;

  /// Callers of one socket that wait for this process.
  static constexpr int kBacklog = 16;
  /// After this, callers that found no descriptor free are looked at again.
  static constexpr std::chrono::milliseconds kPause{200};

  /// Throws Error when a socket cannot be made.
  ListenPorts(boost::asio::io_context& loop, const std::vector<plan::VsockPort>& ports,
              OnCall on_call, spdlog::logger& log);
  ListenPorts(const ListenPorts&) = delete;
  ListenPorts& operator=(const ListenPorts&) = delete;
  ListenPorts(ListenPorts&&) = delete;
  ListenPorts& operator=(ListenPorts&&) = delete;
  ~ListenPorts() = default;

 private:
  struct Listener {
    Listener(boost::asio::io_context& loop, const plan::VsockPort& wanted);

    std::uint32_t port;
    wire::PathListener socket;
    boost::asio::posix::stream_descriptor watch;
    boost::asio::steady_timer pause;
  };

  void await(Listener& listener);
  void accept(Listener& listener);

  OnCall on_call_;
  spdlog::logger& log_;
  std::list<Listener> listeners_;
};

}  // namespace hive::control
