// Calls to a service of another cell.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "guests/sdk/rpc/directory.h"
#include "guests/sdk/rpc/link.h"
#include "guests/sdk/rpc/monitor.h"

namespace hive::rpc {

/// What became of a call.
struct Outcome {
  hive_status status = HIVE_OK;
  std::uint32_t code = 0;  ///< HIVE_REMOTE_ERROR: the service's own; else 0.
  std::string message;     ///< For people; empty where the status is HIVE_OK.

  [[nodiscard]] bool ok() const { return status == HIVE_OK; }
};

struct CallOptions {
  /// From now; everything that the call takes, connecting and sending too. At most a day.
  std::chrono::nanoseconds timeout = std::chrono::seconds(5);
  /// Executing it twice does no harm: within the deadline it is sent again, over another connection
  /// where that takes one, when the peer was reset, failed or busy, or replied nonsense. Only for
  /// Client::call().
  bool idempotent = false;
};

struct ClientOptions {
  std::string service;
  Identity own;                      ///< Who calls.
  std::size_t most_calls = 4096;     ///< Under way at a time; to 65536.
  std::shared_ptr<Monitor> monitor;  ///< Null: none.
  /// kMemory: a connection that is not in memory is none (HIVE_NO_DEVICE). The rest is the
  /// connector's to see to.
  Path path = Path::kAuto;
};

/// Counts since the start, except for `calls`.
struct ClientCounters {
  std::size_t calls = 0;           ///< Under way now.
  std::uint64_t late_replies = 0;  ///< To calls that had ended.
  std::uint64_t connections = 0;   ///< Made.
  std::uint64_t deadlines = 0;     ///< Missed.
  std::uint64_t bad_replies = 0;   ///< And bad welcomes. Each ended its connection.
};

class ClientCore;
struct PendingCall;

/// A call that was started and may not be done. Cancelled where it is dropped before. One thread
/// waits or polls; cancel() may come from any.
class Call {
 public:
  Call(std::shared_ptr<ClientCore> core, std::unique_ptr<PendingCall> pending);
  Call(Call&&) noexcept;
  Call& operator=(Call&&) noexcept;
  ~Call();

  /// Waits for the reply, the deadline or cancel(). The same again when it is called again, but for
  /// REPLY, which gets the payload once.
  Outcome wait(Bytes& reply);
  /// Whether wait() would not wait. Drives the connection.
  bool poll();
  /// The reply, should it come, is dropped, and the server told, which may or may not have executed
  /// the call. No effect on a call that is done.
  void cancel();

 private:
  std::shared_ptr<ClientCore> core_;
  std::unique_ptr<PendingCall> pending_;
};

/// A service of another cell, as its callers see it. Thread-safe; any number of calls share one
/// connection, which the first makes and the next makes anew when it has ended.
///
/// Whoever waits for a reply drives the connection; replies to other calls that it finds are handed
/// to those. Nothing is sent twice, unless a call is idempotent, so each call is executed at most
/// once. No call waits past its deadline. Statuses: HIVE_DEADLINE, HIVE_REFUSED, HIVE_RESET,
/// HIVE_PEER_FAILED, HIVE_BAD_REPLY, HIVE_CANCELLED, HIVE_BUSY, HIVE_NO_METHOD, HIVE_REMOTE_ERROR,
/// HIVE_TOO_LONG, HIVE_LIMIT, HIVE_NO_DEVICE, HIVE_SYSTEM, HIVE_OUT_OF_MEMORY. Throws only
/// std::bad_alloc, and that only before anything was sent.
class Client {
 public:
  /// Called once, by a thread of the library's, which may start calls but should not wait long.
  /// Where no thread or no memory is to be had, by start(). It throws nothing.
  using Callback = std::function<void(const Outcome& outcome, ByteView reply)>;

  Client(ClientOptions options, std::shared_ptr<Connector> connector);
  /// To a service of a cell, by name or number, over vsock, with hints to the monitor of this cell.
  /// HIVE_DEADLINE: the cell was not found by END.
  static sdk::Result<std::unique_ptr<Client>> open(const std::string& cell,
                                                   const std::string& service,
                                                   Clock::time_point end, Path path = Path::kAuto);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  /// Ends all calls with HIVE_CANCELLED; callbacks have been called when it returns. Not to be
  /// called by a callback.
  ~Client();

  /// Waits for the reply. REPLY's storage is reused.
  Outcome call(std::uint32_t method, ByteView request, Bytes& reply,
               const CallOptions& options = {});

  /// Returns as soon as the request is on its way: it may have to wait for a connection, or for
  /// room on it. A failure is the handle's first.
  Call start(std::uint32_t method, ByteView request, const CallOptions& options = {});

  /// The same, with the outcome told to CALLBACK.
  void start(std::uint32_t method, ByteView request, const CallOptions& options, Callback callback);

  /// A round trip to the service's library; none of the service's code runs.
  Outcome ping(std::chrono::nanoseconds timeout);

  [[nodiscard]] ClientCounters counters() const;
  /// The cell at the other end of the present connection, or HIVE_RPC_NO_CELL.
  [[nodiscard]] Identity peer() const;
  /// Whether the present connection goes through memory.
  [[nodiscard]] bool is_in_memory() const;

 private:
  std::shared_ptr<ClientCore> core_;
};

}  // namespace hive::rpc
