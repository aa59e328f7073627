// A service, for callers in other cells.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "guests/sdk/rpc/directory.h"
#include "guests/sdk/rpc/link.h"

namespace hive::rpc {

/// A request as its handler sees it. Valid until the handler returns.
struct Request {
  std::uint32_t method = 0;
  ByteView payload;              ///< Hostile: only its transport was checked.
  std::uint32_t caller_cid = 0;  ///< As the transport vouches for it; 0: unknown.
  Identity caller;               ///< As it says itself.
  Clock::time_point deadline;    ///< Nobody waits for the reply any longer then.
  const std::atomic<bool>* cancelled = nullptr;

  /// Whether nobody waits for the reply any longer: a long handler looks now and then, and ends.
  [[nodiscard]] bool is_cancelled() const {
    return cancelled->load(std::memory_order_relaxed) || Clock::now() >= deadline;
  }
};

/// Why a handler does not reply. `code` is the service's own.
struct HandlerError {
  std::uint32_t code = 1;
  std::string message;     ///< The caller gets the first 512 bytes.
  bool no_method = false;  ///< There is no such method; the code does not matter.
};

/// Puts the reply, of at most 1 MiB, into REPLY, which is empty. What it throws is an error of code
/// 0. Called by several threads at once where the server has several workers.
using Handler = std::function<std::optional<HandlerError>(const Request& request, Bytes& reply)>;

struct ServerOptions {
  std::string service;
  Identity own;
  /// Threads that run the handler. 0: the one that receives runs it: the fastest, for handlers that
  /// take little time and never wait. Requests then take turns, and cancellations are seen late.
  unsigned workers = 4;
  /// Requests that wait for a worker, and the memory that they take; over either, HIVE_BUSY. Of
  /// both, one cell has at most half, and cells take turns; where it is not known which cell it is,
  /// that goes for each connection.
  std::size_t queue = 4096;
  std::size_t queue_bytes = std::size_t{64} << 20;
  /// At a time; over it, HIVE_BUSY. Of those, one cell has at most half.
  std::size_t connections = 256;
  /// How long replies to one cell may find no room before it counts as gone: connections that have
  /// none are hung up on, for ten times as long at once. More than 0.
  std::chrono::milliseconds reply_patience{5000};
};

/// Counts since the start, but for `connections`, which are there now.
struct ServerCounters {
  std::uint64_t connections = 0;
  std::uint64_t requests = 0;  ///< That passed all checks.
  std::uint64_t executed = 0;
  std::uint64_t busy = 0;        ///< Refused: too many.
  std::uint64_t expired = 0;     ///< Not executed: their deadlines had passed.
  std::uint64_t cancelled = 0;   ///< Not executed, or without a reply: nobody waits for it.
  std::uint64_t duplicates = 0;  ///< Dropped.
  std::uint64_t malformed = 0;   ///< Connections that were ended because the caller broke rules.
};

class ServerCore;

/// Serves until it is destroyed. Thread-safe.
class Server {
 public:
  /// Throws std::system_error where threads or descriptors are not to be had.
  Server(ServerOptions options, Handler handler, std::unique_ptr<Listener> listener);
  /// On this cell's vsock port for the service's name. HIVE_BAD_NAME, HIVE_NAME_TAKEN (another
  /// program offers it, or a service whose name has the same hash), HIVE_NO_DEVICE, HIVE_SYSTEM.
  static sdk::Result<std::unique_ptr<Server>> open(ServerOptions options, Handler handler);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  /// Ends all connections, and waits for the handlers that run, which see is_cancelled().
  ~Server();

  [[nodiscard]] ServerCounters counters() const;

 private:
  std::unique_ptr<ServerCore> core_;
};

}  // namespace hive::rpc
