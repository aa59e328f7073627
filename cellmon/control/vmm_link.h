// The monitor's end of the packets of vmm/cell/monitor_protocol.h.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "cellmon/wire/packet_socket.h"
#include "vmm/base/unique_fd.h"
#include "vmm/cell/monitor_protocol.h"

namespace hive::control {

/// Reads a VMM's reports, which are hostile, and sends commands.
class VmmLink {
 public:
  struct Handlers {
    std::function<void(const cell::Report&)> on_report;
    /// A packet that is not a report.
    std::function<void()> on_malformed;
  };

  /// Takes FD, a SOCK_SEQPACKET socket.
  VmmLink(boost::asio::io_context& loop, UniqueFd fd, Handlers handlers);

  /// Sends PACKET with copies of FILES. False when it is lost, as when the VMM does not read: its
  /// monitor has other means to end it.
  bool send(const std::string& packet, std::span<const int> files = {}) {
    return socket_.send(packet, files);
  }

  /// Handles the reports that have come but were not read yet, as when the VMM is gone.
  void drain() { socket_.drain(); }

 private:
  void take(std::string_view packet);

  Handlers handlers_;
  wire::PacketSocket socket_;
};

}  // namespace hive::control
