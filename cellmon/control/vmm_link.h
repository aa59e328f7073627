// The monitor's end of the packets of vmm/cell/monitor_protocol.h.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

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
  VmmLink(const VmmLink&) = delete;
  VmmLink& operator=(const VmmLink&) = delete;
  VmmLink(VmmLink&&) = delete;
  VmmLink& operator=(VmmLink&&) = delete;
  ~VmmLink();

  /// Sends PACKET. Lost when the VMM does not read: its monitor has other means to end it.
  void send(const std::string& packet);

  /// Handles the reports that have come but were not read yet, as when the VMM is gone.
  void drain();

 private:
  class Core;
  std::shared_ptr<Core> core_;  ///< Shared with the wait that is under way.
};

}  // namespace hive::control
