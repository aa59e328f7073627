// The parts of a server. Internal to rpc.
#pragma once

#include <poll.h>

#include <condition_variable>
#include <deque>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "guests/sdk/events/spinning_wait.h"
#include "guests/sdk/rpc/server.h"
#include "vmm/base/unique_fd.h"

namespace hive::rpc {

class Session;

/// Whom the server shares itself among: cells, by the CIDs that the transport vouches for; where it
/// does not, connections.
using Party = std::pair<std::uint32_t, std::uintptr_t>;

/// How long replies of one party wait for room before it counts as gone. Thread-safe.
class ReplyPatience {
 public:
  /// Whoever used it up gets none for so many times as long.
  static constexpr int kPenalty = 10;

  explicit ReplyPatience(Clock::duration patience) : patience_(patience) {}

  /// There was no room: until when to wait for it. In the past where that was long enough.
  Clock::time_point begin_wait();
  void end_wait();
  /// One of its connections that had none has room.
  void found_room();
  /// Somebody waited until the end of it.
  void ran_out();

 private:
  const Clock::duration patience_;
  std::mutex mutex_;
  std::optional<Clock::time_point> full_since_;  ///< No frame found room from then on.
  Clock::time_point last_wait_{};                ///< When somebody last waited.
  Clock::time_point none_until_{};
};

/// A request on its way through the server.
struct Task {
  std::shared_ptr<Session> session;
  Frame frame;
  std::size_t bytes = 0;  ///< Of memory, while it waits.
  Clock::time_point end;
  std::atomic<bool> cancelled{false};
};

/// The server's side of one connection. What is not said to be otherwise belongs to the thread that
/// receives.
class Session {
 public:
  /// PATIENCE: of its party.
  Session(std::unique_ptr<Link> link, std::shared_ptr<ReplyPatience> patience)
      : link_(std::move(link)), patience_(std::move(patience)), opened_(Clock::now()) {}

  Link& link() { return *link_; }
  [[nodiscard]] Party party() const {
    const std::uint32_t cid = link_->peer_cid();
    return {cid, cid != 0 ? 0 : reinterpret_cast<std::uintptr_t>(this)};
  }
  [[nodiscard]] Clock::time_point opened() const { return opened_; }
  [[nodiscard]] bool is_greeted() const { return greeted_; }
  [[nodiscard]] const Identity& caller() const { return caller_; }
  void greet(const Identity& caller) {
    greeted_ = true;
    caller_ = caller;
  }
  /// Whether ID is above all before it.
  bool take_id(std::uint64_t id) {
    if (id <= last_id_) return false;
    last_id_ = id;
    return true;
  }

  /// Any thread. Sends, or waits for room until END. False where it did not. Where there was no
  /// room for all of the party's patience, the session is closed, so that no other reply waits as
  /// long.
  bool send(const hive_rpc_frame& header, ByteView payload, Clock::time_point end);
  /// There may be room again.
  void notify_room();
  /// Ends the connection: nobody waits for the replies any longer.
  void close();

  /// Any thread. Tasks that may be cancelled.
  void add(const std::shared_ptr<Task>& task);
  void remove(const std::shared_ptr<Task>& task);
  void cancel(std::uint64_t id);

 private:
  bool await_room(std::unique_lock<std::mutex>& lock, Clock::time_point end);
  void close_locked();

  const std::unique_ptr<Link> link_;
  const std::shared_ptr<ReplyPatience> patience_;
  const Clock::time_point opened_;
  bool greeted_ = false;
  Identity caller_;
  std::uint64_t last_id_ = 0;

  std::mutex mutex_;
  std::condition_variable room_;
  bool closed_ = false;
  bool was_full_ = false;  ///< No frame found room since.
  std::vector<std::shared_ptr<Task>> tasks_;
};

/// Requests that wait for workers. Parties take turns, and none has more than half of the room, but
/// for its first request. Thread-safe.
class TaskQueue {
 public:
  TaskQueue(std::size_t most, std::size_t most_bytes) : most_(most), most_bytes_(most_bytes) {
    spare_.reserve(kMostSpare);
  }

  /// False where it is full, for that party.
  bool push(const std::shared_ptr<Task>& task);
  /// Waits; null when it is closed.
  std::shared_ptr<Task> pop();
  void close();

  /// A task to fill, from before where possible.
  std::shared_ptr<Task> make_task();
  void recycle(std::shared_ptr<Task> task);

 private:
  static constexpr std::size_t kMostSpare = 64;  ///< Tasks that are kept.

  struct Waiting {
    std::deque<std::shared_ptr<Task>> tasks;
    std::size_t bytes = 0;
  };

  const std::size_t most_;
  const std::size_t most_bytes_;
  std::mutex mutex_;
  std::condition_variable filled_;
  std::map<Party, Waiting> waiting_;  ///< Of those that have some.
  std::list<Party> turns_;            ///< The same, in the order of their turns.
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
  bool closed_ = false;
  std::vector<std::shared_ptr<Task>> spare_;
};

class ServerCore {
 public:
  ServerCore(ServerOptions options, Handler handler, std::unique_ptr<Listener> listener);
  ServerCore(const ServerCore&) = delete;
  ServerCore& operator=(const ServerCore&) = delete;
  ~ServerCore();

  [[nodiscard]] ServerCounters counters() const;

 private:
  void stop();

  // server_loop.cpp: the thread that receives.
  void receive_all();
  void receive_once(std::vector<pollfd>& polled);
  bool spin(sdk::SpinningWait& wait, std::vector<pollfd>& polled);
  void begin_list(std::vector<pollfd>& polled) const;
  bool look(std::vector<pollfd>& polled);
  void sleep(std::vector<pollfd>& polled);
  static bool has_work(Link& link);
  [[nodiscard]] bool has_work() const;
  [[nodiscard]] bool has_quick_work() const;
  static int earlier(int timeout, int other);
  int patience() const;
  void accept_all();
  [[nodiscard]] bool has_room_for(std::uint32_t cid) const;
  std::shared_ptr<ReplyPatience> patience_with(std::uint32_t cid);
  void serve_ready(const std::vector<pollfd>& polled);
  bool serve(const std::shared_ptr<Session>& session);
  void drop(std::size_t place);
  void wake() const;

  // server_requests.cpp
  bool take(const std::shared_ptr<Session>& session, Frame& frame);
  bool welcome(Session& session, const Frame& frame);
  void take_request(const std::shared_ptr<Session>& session, Frame& frame);
  bool protocol_error(Session& session, const char* what);
  void work();
  void run_inline();
  void run(Task& task);
  std::optional<HandlerError> call_handler(const Task& task, Bytes& reply);
  void reply(Task& task, const std::optional<HandlerError>& error, ByteView payload);
  bool send(Session& session, hive_rpc_frame header, ByteView payload, Clock::time_point end);
  void send_error(Session& session, const hive_rpc_frame& to, const ErrorContent& content,
                  Clock::time_point end);
  hive_rpc_frame answer_to(const hive_rpc_frame& request, hive_rpc_kind kind) const;

  const ServerOptions options_;
  const Handler handler_;
  const std::unique_ptr<Listener> listener_;
  UniqueFd wakeup_;  ///< An eventfd: look at all again.
  std::atomic<bool> stopping_{false};
  std::vector<std::shared_ptr<Session>> sessions_;
  std::atomic<std::size_t> session_count_{0};
  std::map<std::uint32_t, std::shared_ptr<ReplyPatience>> patience_;  ///< By CID.
  sdk::SpinBound spin_bound_;
  Clock::time_point last_poll_;
  Frame frame_;
  Task inline_task_;  ///< Where there are no workers.
  TaskQueue queue_;

  struct Counts {
    std::atomic<std::uint64_t> requests{0}, executed{0}, busy{0}, expired{0}, cancelled{0},
        duplicates{0}, malformed{0};
  } counts_;

  std::vector<std::thread> workers_;
  std::thread receiver_;
};

}  // namespace hive::rpc
