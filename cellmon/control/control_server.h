// The control socket of a cell: docs/control-protocol.md.
#pragma once

#include <spdlog/logger.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "cellmon/control/cell_monitor.h"
#include "cellmon/control/control_client.h"
#include "cellmon/control/methods.h"

namespace hive::control {

/// Serves clients of the same user (or root) and tells them what happens in the cell.
/// Single-threaded.
class ControlServer : public CellObserver {
 public:
  static constexpr std::size_t kMaxClients = 32;
  /// Of these, how many may follow events or consoles or run commands. The others come and go:
  /// where there is no place, a new one takes that of the one that has asked for nothing the
  /// longest.
  static constexpr std::size_t kMaxFollowers = kMaxClients - 4;

  /// Clients that find no descriptor free wait this long for the next look.
  static constexpr std::chrono::milliseconds kAcceptPause{200};

  /// LISTENER does not block. ON_FINISHED is called when the cell is down, with whether its files
  /// are to be removed in any case; the result is what `down` answers.
  ControlServer(boost::asio::io_context& loop, UniqueFd listener, CellMonitor& monitor,
                spdlog::logger& log, std::function<wire::Json(bool purge)> on_finished);

  void on_event(const wire::Event& event) override;
  void on_change() override { methods_.on_change(); }
  void on_console(ConsoleId console, std::string_view bytes) override;
  void on_exec_output(std::uint32_t session, AgentPeer::Output output,
                      std::string_view bytes) override;
  void on_exec_exit(std::uint32_t session, int status) override;
  void on_exec_input_taken(std::uint32_t session) override;
  void on_exec_lost(const std::string& why) override;
  void on_finished() override;

  /// Whether an answer has not left yet.
  [[nodiscard]] bool has_queue() const;

  /// Ends the service, and gives the listener back, whose name is taken as long as it is open.
  UniqueFd release_listener();

 private:
  void accept_next();
  /// False when the host has no descriptor or memory for a client that waits.
  bool accept_one();
  void accept_later();
  void make_room();
  void add_client(UniqueFd fd);
  void remove_client(std::uint64_t number);
  ControlClient* find_client(std::uint64_t number);
  [[nodiscard]] std::size_t count_followers() const;
  ControlClient* client_of_session(std::uint32_t session);

  boost::asio::io_context& loop_;
  boost::asio::posix::stream_descriptor listener_;
  boost::asio::steady_timer accept_pause_;
  bool short_of_descriptors_ = false;
  CellMonitor& monitor_;
  spdlog::logger& log_;
  std::function<wire::Json(bool)> on_finished_;
  Methods methods_;
  std::uint64_t last_client_ = 0;
  std::uint64_t last_turn_ = 0;
  std::map<std::uint64_t, std::unique_ptr<ControlClient>> clients_;
};

}  // namespace hive::control
