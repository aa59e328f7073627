#include "guests/sdk/rpc/client_core.h"

#include <algorithm>
#include <bit>
#include <new>

namespace hive::rpc {
namespace {

constexpr std::size_t kMostCalls = 65536;
constexpr int kMostReconnects = 3;  ///< For a call of which nothing was sent.

}  // namespace

Outcome make_outcome(hive_status status, const char* text) noexcept {
  Outcome outcome;
  outcome.status = status;
  try {
    outcome.message = text;
  } catch (const std::bad_alloc&) {
    outcome.message.clear();
  }
  return outcome;
}

Outcome copy_of(const Outcome& outcome) noexcept {
  Outcome copy = make_outcome(outcome.status, outcome.message.c_str());
  copy.code = outcome.code;
  return copy;
}

ClientCore::ClientCore(ClientOptions options, std::shared_ptr<Connector> connector)
    : options_(std::move(options)),
      connector_(std::move(connector)),
      monitor_(options_.monitor ? options_.monitor : std::make_shared<NoMonitor>()),
      slots_(std::bit_ceil(std::clamp<std::size_t>(options_.most_calls, 1, kMostCalls))) {}

hive_rpc_frame ClientCore::make_frame(hive_rpc_kind kind, std::uint64_t id,
                                      std::uint32_t method) const {
  hive_rpc_frame header{};
  header.kind = static_cast<std::uint8_t>(kind);
  header.id = id;
  header.caller_cell = options_.own.cell;
  header.caller_incarnation = options_.own.incarnation;
  header.callee_incarnation = connection_ && id != 0 ? connection_->peer.incarnation : 0;
  header.method = method;
  return header;
}

void ClientCore::begin(PendingCall& call, ByteView request) {
  const std::uint32_t checksum = payload_checksum(request);
  Lock lock(mutex_);
  Outcome outcome = send(lock, call, request, checksum);
  if (!outcome.ok()) finish(call, std::move(outcome));
  hand_over();
}

/// Until the request is on its way.
Outcome ClientCore::send(Lock& lock, PendingCall& call, ByteView request, std::uint32_t checksum) {
  if (request.size() > HIVE_RPC_MAX_PAYLOAD) {
    return make_outcome(HIVE_TOO_LONG, "a request has at most 1 MiB");
  }
  std::shared_ptr<Connection> ended;  // The last one that takes nothing any more.
  for (int reconnects = 0; reconnects <= kMostReconnects;) {
    drop_if_stale();
    if (Outcome outcome = ensure_connected(lock, call.end); !outcome.ok()) {
      if (outcome.status == HIVE_DEADLINE) expire(call);
      return outcome;
    }
    if (count_ == slots_.size()) return make_outcome(HIVE_LIMIT, "too many calls are under way");
    const Sent sent = send_once(call, request, checksum);
    if (sent == Sent::kSent) return {};
    // There may be replies to be read first.
    if (sent == Sent::kEnded && ended != connection_) {
      ended = connection_;
      ++reconnects;
    }
    if (Clock::now() >= call.end) {
      expire(call);
      return make_outcome(HIVE_DEADLINE, "no room on the connection in time");
    }
    pump(lock, call.ready, call.end);
    if (closed_) return make_outcome(HIVE_CANCELLED, "the client is closed");
  }
  return make_outcome(HIVE_RESET, "each new connection ended at once");
}

Sent ClientCore::send_once(PendingCall& call, ByteView request, std::uint32_t checksum) {
  const std::size_t mask = slots_.size() - 1;
  while (slots_[next_id_ & mask] != nullptr) ++next_id_;
  hive_rpc_frame header = make_frame(HIVE_RPC_REQUEST, next_id_, call.method);
  const Clock::time_point now = Clock::now();
  const auto left = std::chrono::duration_cast<std::chrono::microseconds>(call.end - now).count();
  header.time_left = static_cast<std::uint64_t>(std::max<std::int64_t>(left, 1));
  seal(header, request, checksum);
  const Sent sent = connection_->link->send(header, request);
  if (sent != Sent::kSent) return sent;
  connection_->last_use = now;
  call.id = next_id_++;
  slots_[call.id & mask] = &call;
  ++count_;
  return sent;
}

void ClientCore::wait(PendingCall& call) {
  Lock lock(mutex_);
  while (!call.done) {
    if (Clock::now() >= call.end) {
      expire(call);
      finish(call, make_outcome(HIVE_DEADLINE, "no reply in time"));
      break;
    }
    pump(lock, call.ready, call.end);
  }
  hand_over();
}

bool ClientCore::poll(PendingCall& call) {
  Lock lock(mutex_);
  if (!call.done && connection_ && !leading_) lead(lock, kNow, call.end);
  if (!call.done && Clock::now() >= call.end) {
    expire(call);
    finish(call, make_outcome(HIVE_DEADLINE, "no reply in time"));
  }
  hand_over();
  return call.done;
}

void ClientCore::cancel(PendingCall& call, const char* why) {
  const Lock lock(mutex_);
  if (call.done) return;
  tell_server(call);
  finish(call, make_outcome(HIVE_CANCELLED, why));
  if (leading_ && connection_) connection_->link->wake();  // It may be who waits for this call.
}

/// Leads, or waits to be notified through TURN or to lead; not past END.
void ClientCore::pump(Lock& lock, std::condition_variable& turn, Clock::time_point end) {
  if (!connection_ || closed_) return;
  if (!leading_) {
    lead(lock, end, end);
    return;
  }
  try {
    waiters_.push_back(&turn);
  } catch (const std::bad_alloc&) {  // Nobody wakes this thread then.
    turn.wait_until(lock, std::min(end, Clock::now() + kShortOfMemory));
    return;
  }
  turn.wait_until(lock, end);
  const auto place = std::find(waiters_.begin(), waiters_.end(), &turn);
  *place = waiters_.back();
  waiters_.pop_back();
}

/// Receives once, for all. Throws nothing, whatever its link, connector and monitor do: those who
/// wait could not lead ever after, and calls would be left that nobody waits for.
void ClientCore::lead(Lock& lock, Clock::time_point end, Clock::time_point blame_end) {
  const std::shared_ptr<Connection> connection = connection_;
  leading_ = true;
  lock.unlock();
  Outcome outcome;
  const Received event = receive(*connection, end, blame_end, outcome);
  lock.lock();
  leading_ = false;
  try {
    take(connection, event, outcome);
  } catch (const std::bad_alloc&) {
    end_connection(connection, make_outcome(HIVE_OUT_OF_MEMORY, "no memory for a reply"));
  }
}

/// Without the mutex. OUTCOME: of all calls, where the connection has ended.
Received ClientCore::receive(const Connection& connection, Clock::time_point end,
                             Clock::time_point blame_end, Outcome& outcome) {
  Received event = Received::kEnded;
  try {
    event = connection.link->receive(frame_, end);
    if (event == Received::kEnded || event == Received::kBroken) {
      outcome = why_ended(connection, event, blame_end);
    }
  } catch (const std::bad_alloc&) {
    event = Received::kEnded;
    outcome = make_outcome(HIVE_OUT_OF_MEMORY, "no memory for a reply");
  }
  return event;
}

void ClientCore::take(const std::shared_ptr<Connection>& connection, Received event,
                      const Outcome& outcome) {
  if (event == Received::kFrame) dispatch(connection, frame_);
  if (event == Received::kRoom) {
    for (std::condition_variable* waiter : waiters_) waiter->notify_one();
  }
  if (event == Received::kBroken && connection == connection_) {
    bad_reply(connection, connection->link->fault());
  } else if (event == Received::kEnded || event == Received::kBroken) {
    end_connection(connection, outcome);
  }
}

/// Who leaves lets another lead.
void ClientCore::hand_over() {
  if (!leading_ && !waiters_.empty()) waiters_.back()->notify_one();
}

/// The deadline of CALL has passed: counts, and tells those concerned.
void ClientCore::expire(PendingCall& call) {
  ++counters_.deadlines;
  tell_server(call);
  const auto waited = std::chrono::duration_cast<std::chrono::microseconds>(call.end - call.start);
  hint(last_peer_, HIVE_HINT_DEADLINE, static_cast<std::uint64_t>(waited.count()));
}

/// That nobody waits for the reply any more. Where there is no room for that, it finds out itself.
void ClientCore::tell_server(const PendingCall& call) {
  if (call.id == 0 || !connection_ || call.id < connection_->first_id) return;
  hive_rpc_frame header = make_frame(HIVE_RPC_CANCEL, call.id, 0);
  seal(header, {});
  (void)connection_->link->send(header, {});
}

void ClientCore::forget(PendingCall& call) {
  PendingCall*& slot = slots_[call.id & (slots_.size() - 1)];
  if (call.id == 0 || slot != &call) return;
  slot = nullptr;
  --count_;
}

void ClientCore::finish(PendingCall& call, Outcome outcome) {
  if (call.done) return;
  forget(call);
  call.done = true;
  call.outcome = std::move(outcome);
  call.ready.notify_one();
  if (!call.callback) return;
  const auto place = std::find_if(with_callback_.begin(), with_callback_.end(),
                                  [&](const auto& other) { return other.get() == &call; });
  if (place == with_callback_.end()) return;
  std::swap(*place, with_callback_.back());
  finished_.push_back(std::move(with_callback_.back()));
  with_callback_.pop_back();
  driver_turn_.notify_one();
}

ClientCounters ClientCore::counters() const {
  const Lock lock(mutex_);
  ClientCounters counters = counters_;
  counters.calls = count_;
  return counters;
}

Identity ClientCore::peer() const {
  const Lock lock(mutex_);
  return connection_ ? connection_->peer : Identity{};
}

bool ClientCore::is_in_memory() const {
  const Lock lock(mutex_);
  return connection_ && connection_->link->is_in_memory();
}

}  // namespace hive::rpc
