// The monitor's end of the packets of vmm/cell/vsock_protocol.h.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string_view>

#include "cellmon/control/deadline.h"
#include "cellmon/control/vsock/ring_routes.h"
#include "cellmon/wire/packet_socket.h"
#include "vmm/base/unique_fd.h"
#include "vmm/cell/vsock_protocol.h"

namespace hive::control {

/// Reads what a VMM says about vsock, which is hostile, and tells it what it has to know. Nothing
/// blocks; the lives of siblings reach the VMM however late it reads.
class VmmVsockLink {
 public:
  struct Handlers {
    std::function<void(const cell::VsockHostOpen&)> on_host_open;
    std::function<void(const cell::VsockCount&)> on_count;
    std::function<void(const cell::VsockGuestCount&)> on_guest_count;
    /// A packet that is none of these.
    std::function<void()> on_malformed;
  };

  /// How soon a VMM that does not read is told again.
  static constexpr std::chrono::milliseconds kRetry{20};

  /// Takes FD, a SOCK_SEQPACKET socket.
  VmmVsockLink(boost::asio::io_context& loop, UniqueFd fd, Handlers handlers);

  /// Sends PACKET, one of vsock_protocol.h's, with copies of FILES. False when it is lost.
  template <typename Struct>
  bool send(const Struct& packet, std::span<const int> files = {}) {
    return socket_.send(wire::as_packet(packet), files);
  }

  /// Sees to it that the VMM knows LIFE of sibling CELL. What has changed several times since the
  /// VMM last read comes to it as the last change, and the end of what it knew to be alive.
  void tell(unsigned cell, const RingRoutes::Life& life);

 private:
  void take(std::string_view bytes);
  /// Tells what the VMM does not know yet, now or later.
  void catch_up();
  /// Brings the VMM's knowledge of CELL up to WANTED. False when it does not read now.
  bool tell_now(unsigned cell, RingRoutes::Life& known, const RingRoutes::Life& wanted);

  Handlers handlers_;
  wire::PacketSocket socket_;
  Deadline retry_;
  std::map<unsigned, RingRoutes::Life> wanted_;
  std::map<unsigned, RingRoutes::Life> known_;
};

}  // namespace hive::control
