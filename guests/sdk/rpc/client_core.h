// What a client and the handles of its calls share. Internal to rpc.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "guests/sdk/rpc/client.h"

namespace hive::rpc {

/// One call under way. Guarded by the core's mutex.
struct PendingCall {
  std::uint64_t id = 0;  ///< 0: not sent.
  std::uint32_t method = 0;
  Clock::time_point start;
  Clock::time_point end;
  bool done = false;
  Outcome outcome;
  Bytes reply;
  std::condition_variable ready;
  Client::Callback callback;
};

/// A connection after its hello.
struct Connection {
  std::unique_ptr<Link> link;
  Identity peer;  ///< As it says of itself.
  std::uint64_t first_id = 0;
  Clock::time_point last_use;
};

/// The calls of a client and its connection. One of the threads that wait leads: it receives for
/// all, without the mutex; the others wait for it or for their turn to lead.
class ClientCore {
 public:
  ClientCore(ClientOptions options, std::shared_ptr<Connector> connector);
  ClientCore(const ClientCore&) = delete;
  ClientCore& operator=(const ClientCore&) = delete;
  ~ClientCore() = default;

  /// Sends the request of CALL, whose method and times are set. On failure CALL is done.
  void begin(PendingCall& call, ByteView request);
  /// Waits until CALL is done.
  void wait(PendingCall& call);
  bool poll(PendingCall& call);
  void cancel(PendingCall& call, const char* why);

  /// begin(), and CALL is the driver's from now on.
  void begin_with_callback(std::unique_ptr<PendingCall> call, ByteView request);

  /// Ends everything; see ~Client().
  void close();

  ClientCounters counters() const;
  Identity peer() const;
  bool is_in_memory() const;

 private:
  using Lock = std::unique_lock<std::mutex>;
  /// How long a thread does something else where there is no memory to go on.
  static constexpr std::chrono::milliseconds kShortOfMemory{1};

  // client_connection.cpp
  Outcome ensure_connected(Lock& lock, Clock::time_point end);
  Outcome try_to_connect(std::shared_ptr<Connection>& connection, hive_rpc_fault& fault,
                         Clock::time_point end);
  Outcome connect(std::shared_ptr<Connection>& connection, hive_rpc_fault& fault,
                  Clock::time_point end);
  Outcome greet(Connection& connection, hive_rpc_fault& fault, Clock::time_point end);
  Outcome check_welcome(Connection& connection, hive_rpc_fault& fault, const Frame& frame) const;
  void drop_if_stale();
  void end_connection(const std::shared_ptr<Connection>& connection, const Outcome& outcome);
  Outcome why_ended(const Connection& connection, Received event, Clock::time_point end);
  Outcome blame_peer(Outcome outcome, const Identity& peer, Clock::time_point end);
  void hint(const Identity& peer, hive_monitor_hint hint, std::uint64_t detail);

  // client_core.cpp
  Outcome send(Lock& lock, PendingCall& call, ByteView request, std::uint32_t checksum);
  Sent send_once(PendingCall& call, ByteView request, std::uint32_t checksum);
  void lead(Lock& lock, Clock::time_point end, Clock::time_point blame_end);
  void take(const std::shared_ptr<Connection>& connection, Received event, const Outcome& outcome);
  Received receive(const Connection& connection, Clock::time_point end, Clock::time_point blame_end,
                   Outcome& outcome);
  void pump(Lock& lock, std::condition_variable& turn, Clock::time_point end);
  void hand_over();
  void expire(PendingCall& call);
  void forget(PendingCall& call);
  void finish(PendingCall& call, Outcome outcome);
  void tell_server(const PendingCall& call);
  hive_rpc_frame make_frame(hive_rpc_kind kind, std::uint64_t id, std::uint32_t method) const;

  // client_dispatch.cpp
  void dispatch(const std::shared_ptr<Connection>& connection, Frame& frame);
  hive_rpc_fault check_reply(const Connection& connection, const hive_rpc_frame& header) const;
  void bad_reply(const std::shared_ptr<Connection>& connection, hive_rpc_fault fault);

  // client_driver.cpp
  void drive();
  void run_callbacks(Lock& lock);
  Clock::time_point expire_callbacks();
  Outcome start_driver();
  void keep(std::unique_ptr<PendingCall>& call);

  const ClientOptions options_;
  const std::shared_ptr<Connector> connector_;
  const std::shared_ptr<Monitor> monitor_;

  mutable std::mutex mutex_;
  std::shared_ptr<Connection> connection_;
  bool connecting_ = false;
  bool leading_ = false;
  bool closed_ = false;
  Identity last_peer_;
  std::uint64_t next_id_ = 1;
  std::vector<PendingCall*> slots_;  ///< By the low bits of their ids.
  std::size_t count_ = 0;
  std::vector<std::condition_variable*> waiters_;  ///< Those that could lead.
  std::condition_variable connected_;
  ClientCounters counters_;
  Frame frame_;  ///< Of who leads.

  std::vector<std::unique_ptr<PendingCall>> with_callback_;
  std::vector<std::unique_ptr<PendingCall>> finished_;
  std::condition_variable driver_turn_;
  std::thread driver_;
};

/// Never throws: where there is no memory for TEXT there is none.
Outcome make_outcome(hive_status status, const char* text) noexcept;
/// The same for a copy.
Outcome copy_of(const Outcome& outcome) noexcept;

/// What an ERROR frame comes to for the caller.
Outcome outcome_of(const ErrorContent& content);

}  // namespace hive::rpc
