// One run of a cell's VMM, with all that connects it to the monitor.
#pragma once

#include <boost/asio/io_context.hpp>
#include <csignal>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cellmon/control/agent_peer.h"
#include "cellmon/control/child_watch.h"
#include "cellmon/control/launch.h"
#include "cellmon/control/stream.h"
#include "cellmon/control/vmm_link.h"
#include "cellmon/wire/line_buffer.h"
#include "vmm/cell/guest_fault.h"

namespace hive::control {

/// Which console of the guest.
enum class ConsoleId { kSerial, kVirtio };

/// Owns the process (which ends with this object), its sockets and the conversation with the
/// guest's agent.
class VmmInstance {
 public:
  struct Handlers {
    std::function<void(const cell::Report&)> on_report;
    std::function<void()> on_malformed_report;
    /// The last call: all that the VMM left behind has been handed on before.
    std::function<void(const std::string& how)> on_exit;
    std::function<void(ConsoleId, std::string_view)> on_console;
    /// A line that the VMM printed.
    std::function<void(const std::string&)> on_log_line;
    /// `send` is set by the instance.
    AgentPeer::Handlers agent;
  };

  /// Throws boost::system::system_error, with the VMM ended, when LOOP cannot watch it.
  VmmInstance(boost::asio::io_context& loop, LaunchedVmm vmm, Handlers handlers);

  [[nodiscard]] pid_t pid() const { return child_.pid(); }
  void kill() { child_.kill(); }
  /// Sends the process a signal other than one that ends it.
  void signal(int number) const { (void)::kill(child_.pid(), number); }
  void command(cell::Command command);
  /// Sends the command kFault.
  void inject(const cell::GuestFault& fault);
  /// Sends the command kBalloon.
  void set_balloon(std::uint32_t pages);
  /// Sends the command kSpare.
  void set_spare(std::uint64_t bytes);
  /// Sends the command kDump with a copy of FILE. False when it is lost.
  [[nodiscard]] bool dump(int file);
  /// False when the guest does not read its console.
  [[nodiscard]] bool write_console(ConsoleId console, std::string_view bytes);
  AgentPeer& agent() { return agent_; }
  [[nodiscard]] const AgentPeer& agent() const { return agent_; }

 private:
  std::unique_ptr<Stream> make_console(boost::asio::io_context& loop, UniqueFd fd, ConsoleId id);
  std::unique_ptr<Stream> make_agent_stream(boost::asio::io_context& loop, UniqueFd fd);
  std::unique_ptr<Stream> make_log_stream(boost::asio::io_context& loop, UniqueFd fd);
  AgentPeer::Handlers agent_handlers();
  void take_log(std::string_view bytes);
  void end_log_line();
  void take_exit(const std::string& how);

  Handlers handlers_;
  AgentPeer agent_;
  std::string log_line_;
  std::size_t log_lines_ = 0;
  VmmLink link_;
  std::unique_ptr<Stream> serial_;
  std::unique_ptr<Stream> virtio_;
  std::unique_ptr<Stream> agent_stream_;
  std::unique_ptr<Stream> log_stream_;
  ChildWatch child_;
};

}  // namespace hive::control
