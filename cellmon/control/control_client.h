// One connection to the control socket.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "cellmon/control/stream.h"
#include "cellmon/control/vmm_instance.h"
#include "cellmon/wire/json_rpc.h"
#include "cellmon/wire/line_buffer.h"

namespace hive::control {

/// A client of the control socket: its lines, what it follows, and the commands it runs in the
/// guest. A client that does not read is cut off.
class ControlClient {
 public:
  /// How much may wait for a client that reads slowly.
  static constexpr std::size_t kMaxQueue = 1024 * 1024;

  struct Handlers {
    std::function<void(const wire::RpcRequest&)> on_request;
    /// The client is gone or was cut off; it may be destroyed. The last call.
    std::function<void()> on_closed;
    /// The client took BYTES of SESSION's output.
    std::function<void(std::uint32_t session, std::size_t bytes)> on_output_taken;
  };

  ControlClient(boost::asio::io_context& loop, UniqueFd fd, std::uint64_t number,
                Handlers handlers);

  /// Tells this connection from all earlier ones.
  [[nodiscard]] std::uint64_t number() const { return number_; }

  void reply(const wire::Json& id, const wire::Json& result);
  void refuse(const wire::Json& id, wire::RpcCode code, std::string_view why);
  void notify(std::string_view method, const wire::Json& params);
  /// A notification that carries BYTES of SESSION's output, told of in on_output_taken.
  void notify_output(std::uint32_t session, std::string_view stream, std::string_view bytes);

  [[nodiscard]] bool has_queue() const { return stream_.has_queue(); }
  /// Whether notifications can come, so that the client may be silent for as long as it likes.
  [[nodiscard]] bool follows() const {
    return follows_events || !consoles.empty() || !sessions.empty();
  }

  /// Tells whose connection or last request is older; the server counts them.
  std::uint64_t last_turn = 0;
  bool follows_events = false;
  std::set<ConsoleId> consoles;      ///< Those it is attached to.
  std::set<std::uint32_t> sessions;  ///< Commands it runs.
  /// The requests that wait for input to be taken, by session.
  std::map<std::uint32_t, wire::Json> waiting_input;

 private:
  void take_data(std::string_view bytes);
  void take_line(const std::string& line);
  void send(std::string_view line);
  void take_drained();
  void close();

  boost::asio::io_context& loop_;
  std::uint64_t number_;
  Handlers handlers_;
  wire::LineBuffer lines_;
  std::map<std::uint32_t, std::size_t> untaken_;  ///< Bytes of output in the queue, by session.
  bool closing_ = false;
  Stream stream_;
};

}  // namespace hive::control
