// A client of one cell's control socket: docs/control-protocol.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <variant>

#include "cellmon/wire/cell_address.h"
#include "cellmon/wire/json_rpc.h"
#include "cellmon/wire/line_buffer.h"
#include "vmm/base/error.h"
#include "vmm/base/unique_fd.h"

namespace hive::cli {

using wire::Json;
using Milliseconds = std::chrono::milliseconds;

/// How long it is until TIME; 0 once it has passed.
Milliseconds left_until(std::chrono::steady_clock::time_point time);
/// How long to wait for one of several answers that may all come until DEADLINE. What is there
/// already can be read after it.
Milliseconds share_of(std::chrono::steady_clock::time_point deadline);

/// What a monitor sent: the answer to a request, or a notification.
using Message = std::variant<wire::RpcResult, wire::RpcError, wire::RpcNotification>;

/// That the cell at ADDRESS has no monitor any more, and what to do.
Error lost_monitor(const wire::CellAddress& address);

/// The monitor has answered a request with an error that says that it does not do what was asked
/// for: any but wire::RpcCode::kUnknown.
class RequestRefused : public Error {
 public:
  using Error::Error;
};

/// One connection. Single-threaded.
class RpcClient {
 public:
  /// For calls that a monitor answers at once.
  static constexpr Milliseconds kQuick{2000};

  /// Connects to the cell at ADDRESS; nothing when it has no monitor. Throws Error when the socket
  /// is another user's, or when the monitor has kept so many callers waiting that there is no place
  /// for one more within LIMIT.
  static std::optional<RpcClient> connect(const wire::CellAddress& address,
                                          Milliseconds limit = kQuick);
  /// As connect(), but throws lost_monitor() where there is no monitor.
  static RpcClient reach(const wire::CellAddress& address);

  [[nodiscard]] const wire::CellAddress& address() const { return address_; }
  /// Readable when receive() has something to do.
  [[nodiscard]] int fd() const { return fd_.get(); }
  /// Whether the monitor hung up and all that it sent is received.
  [[nodiscard]] bool closed() const { return closed_ && messages_.empty(); }
  /// The pid of the monitor, as the kernel tells it.
  [[nodiscard]] pid_t peer_pid() const;
  /// A descriptor that is readable once the monitor's process has ended; invalid when it has ended
  /// already.
  [[nodiscard]] UniqueFd peer_pidfd() const;

  /// Sends a request without waiting for its answer; the result is its id. Lost when the monitor is
  /// gone, which receive() then tells.
  std::uint64_t send(std::string_view method, const Json& params);

  /// The next message; nothing when none comes within TIMEOUT (0: only what is there), or when
  /// closed().
  std::optional<Message> receive(Milliseconds timeout);

  /// Sends a request and waits for its answer; notifications that come before are kept for
  /// receive(). Throws RequestRefused when the monitor refuses, and Error when it is gone, does not
  /// answer in time, or does not know: then nobody knows whether it does what was asked for.
  Json call(std::string_view method, const Json& params, Milliseconds timeout = kQuick);
  /// Waits for the answer to request ID, as call() does.
  Json answer(std::uint64_t id, Milliseconds timeout = kQuick);
  /// What the monitor said when it refused the request that was waited for last; else empty.
  [[nodiscard]] const std::string& refusal() const { return refusal_; }

 private:
  RpcClient(wire::CellAddress address, UniqueFd fd)
      : address_(std::move(address)), fd_(std::move(fd)) {}

  /// Reads what there is after waiting up to TIMEOUT.
  void fill(Milliseconds timeout);
  void take_line(const std::string& line);

  wire::CellAddress address_;
  UniqueFd fd_;
  std::uint64_t last_id_ = 0;
  wire::LineBuffer lines_{kMaxReply};
  std::deque<Message> messages_;
  bool closed_ = false;
  std::string refusal_;

  static constexpr std::size_t kMaxReply = 256 * 1024;
};

/// Throws Error when MESSAGE, of CLIENT, is a refusal.
void throw_refusal(const RpcClient& client, const Message& message);

}  // namespace hive::cli
