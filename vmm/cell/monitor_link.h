// The VMM's end of its socket to the monitor.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include "vmm/base/unique_fd.h"
#include "vmm/cell/guest_fault.h"
#include "vmm/cell/monitor_protocol.h"

namespace hive::cell {

/// Receives the configuration that a monitor sends as the first packet over SOCKET
/// (SOCK_SEQPACKET), as text. Waits for it. Throws Error when the socket closes first or the packet
/// is too long.
std::string receive_config(int socket);

/// Sends reports and receives commands. All of it on the device loop's thread.
class MonitorLink {
 public:
  /// FILE is valid only with kDump, and always there. Not told of kFault, kBalloon and
  /// kSpare.
  using CommandSink = std::function<void(Command command, UniqueFd file)>;

  /// ON_COMMAND gets each well-formed command; others are logged and dropped. ON_GONE is called
  /// once, when the monitor has closed its end.
  MonitorLink(boost::asio::io_context& loop, UniqueFd socket, CommandSink on_command,
              std::function<void()> on_gone);

  /// Has ON_FAULT get each well-formed kFault; until then they are dropped.
  void on_fault(std::function<void(const GuestFault&)> on_fault) {
    on_fault_ = std::move(on_fault);
  }

  /// The same for kBalloon, with the pages that the guest is to have in it.
  void on_balloon(std::function<void(std::uint32_t)> on_balloon) {
    on_balloon_ = std::move(on_balloon);
  }

  /// The same for kSpare, with the bytes that the guest is to plug in.
  void on_spare(std::function<void(std::uint64_t)> on_spare) { on_spare_ = std::move(on_spare); }

  /// Sends REPORT. Waits for room for reports that end the guest, and up to a second for the
  /// answers to commands; else a monitor that does not read loses reports rather than stall the
  /// devices.
  void send(const Report& report);

 private:
  /// How many losses are logged: guests can cause any number, and nobody may read the log.
  static constexpr unsigned kMaxLossesLogged = 10;

  void await_packet();
  /// Takes one packet. False when no more can come.
  bool receive();
  [[nodiscard]] bool take(std::string_view text, std::vector<UniqueFd> files);

  boost::asio::posix::stream_descriptor socket_;
  CommandSink on_command_;
  std::function<void()> on_gone_;
  std::function<void(const GuestFault&)> on_fault_;
  std::function<void(std::uint32_t)> on_balloon_;
  std::function<void(std::uint64_t)> on_spare_;
  unsigned lost_ = 0;  ///< Reports that could not be sent.
};

}  // namespace hive::cell
