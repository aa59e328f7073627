// How a client's connection comes and goes.
#include <new>

#include "guests/sdk/rpc/client_core.h"

namespace hive::rpc {
namespace {

/// How long a connection may be idle before a call looks whether it still stands.
constexpr std::chrono::milliseconds kFresh{10};
/// How long the monitor may take to say whether a peer failed.
constexpr std::chrono::milliseconds kBlamePatience{200};

Outcome too_late(const char* what) { return make_outcome(HIVE_DEADLINE, what); }

const char* fault_text(hive_rpc_fault fault) {
  switch (fault) {
    case HIVE_RPC_FAULT_CHECKSUM:
      return "a checksum does not match";
    case HIVE_RPC_FAULT_LENGTH:
      return "a length is out of bounds";
    case HIVE_RPC_FAULT_UNKNOWN_ID:
      return "a reply to a call that was never made";
    case HIVE_RPC_FAULT_INCARNATION:
      return "a reply from or for another cell or incarnation";
    default:
      return "a frame that breaks the rules";
  }
}

}  // namespace

/// Until there is a connection: makes one, or waits while another thread does.
Outcome ClientCore::ensure_connected(Lock& lock, Clock::time_point end) {
  while (!connection_) {
    if (closed_) return make_outcome(HIVE_CANCELLED, "the client is closed");
    if (Clock::now() >= end) return too_late("no connection in time");
    if (connecting_) {
      connected_.wait_until(lock, end);
      continue;
    }
    connecting_ = true;
    const Identity before{last_peer_.cell, 0};
    lock.unlock();
    std::shared_ptr<Connection> made;
    hive_rpc_fault fault = HIVE_RPC_FAULT_NONE;
    Outcome outcome = try_to_connect(made, fault, end);
    outcome = blame_peer(std::move(outcome), before, end);
    lock.lock();
    connecting_ = false;
    connected_.notify_all();
    if (fault != HIVE_RPC_FAULT_NONE) {
      ++counters_.bad_replies;
      hint(before, HIVE_HINT_BAD_REPLY, fault);
    }
    if (!outcome.ok()) return outcome;
    if (closed_) return make_outcome(HIVE_CANCELLED, "the client is closed");
    made->first_id = next_id_;
    made->last_use = Clock::now();
    last_peer_ = made->peer;
    connection_ = std::move(made);
    ++counters_.connections;
  }
  return {};
}

/// Without the mutex. FAULT: what the server did where it broke the rules.
Outcome ClientCore::try_to_connect(std::shared_ptr<Connection>& connection, hive_rpc_fault& fault,
                                   Clock::time_point end) {
  try {
    return connect(connection, fault, end);
  } catch (const std::bad_alloc&) {
    return make_outcome(HIVE_OUT_OF_MEMORY, "no memory for a connection");
  }
}

Outcome ClientCore::connect(std::shared_ptr<Connection>& connection, hive_rpc_fault& fault,
                            Clock::time_point end) {
  auto link = connector_->connect(end);
  if (!link.ok()) return {link.status(), 0, link.failure().message};
  auto made = std::make_shared<Connection>();
  made->link = std::move(link).value();
  Outcome outcome = greet(*made, fault, end);
  if (fault != HIVE_RPC_FAULT_NONE) return make_outcome(HIVE_BAD_REPLY, fault_text(fault));
  if (outcome.ok()) connection = std::move(made);
  return outcome;
}

Outcome ClientCore::greet(Connection& connection, hive_rpc_fault& fault, Clock::time_point end) {
  const hive_rpc_hello hello = make_hello(options_.service);
  hive_rpc_frame header = make_frame(HIVE_RPC_HELLO, 0, 0);
  seal(header, bytes_of(hello));
  Frame frame;
  if (connection.link->send(header, bytes_of(hello)) != Sent::kSent) {
    // A server that is busy says so and hangs up, perhaps before it is greeted.
    const bool is_told = connection.link->receive(frame, kNow) == Received::kFrame &&
                         frame.header.kind == HIVE_RPC_ERROR;
    if (is_told) return check_welcome(connection, fault, frame);
    return {HIVE_RESET, 0, "the connection ended at once"};
  }
  for (;;) {
    switch (connection.link->receive(frame, end)) {
      case Received::kFrame:
        return check_welcome(connection, fault, frame);
      case Received::kTimeout:
        return too_late("no welcome from the server");
      case Received::kEnded:
        return {HIVE_RESET, 0, "the server closed the connection without a welcome"};
      case Received::kBroken:
        fault = connection.link->fault();
        return {};
      default:
        break;
    }
  }
}

Outcome ClientCore::check_welcome(Connection& connection, hive_rpc_fault& fault,
                                  const Frame& frame) const {
  if (frame.header.kind == HIVE_RPC_ERROR && frame.header.id == 0) {
    return outcome_of(read_error(frame.payload));
  }
  if (frame.header.kind != HIVE_RPC_WELCOME) {
    fault = HIVE_RPC_FAULT_KIND;
    return {};
  }
  const hive_rpc_welcome welcome = read_welcome(frame.payload);
  const bool is_for_us = frame.header.caller_cell == options_.own.cell &&
                         frame.header.caller_incarnation == options_.own.incarnation;
  if (!is_for_us || welcome.features != 0) {
    fault = is_for_us ? HIVE_RPC_FAULT_FIELD : HIVE_RPC_FAULT_INCARNATION;
    return {};
  }
  if (options_.path == Path::kMemory && !connection.link->is_in_memory()) {
    return {HIVE_NO_DEVICE, 0, "the server's cell and this one have no memory to go on in"};
  }
  connection.peer = {welcome.cell, frame.header.callee_incarnation};
  return {};
}

/// A connection that ended while nobody used it concerns no call: the next makes another.
void ClientCore::drop_if_stale() {
  if (!connection_ || leading_ || count_ > 0) return;
  Link& link = *connection_->link;
  bool is_stale = !link.is_same_peer();
  if (!is_stale && Clock::now() - connection_->last_use < kFresh) return;
  // A few late replies may be there.
  for (int looks = 0; looks < 64 && !is_stale; ++looks) {
    const Received event = link.receive(frame_, kNow);
    if (event == Received::kTimeout) return;
    if (event == Received::kFrame) ++counters_.late_replies;
    is_stale = event == Received::kEnded || event == Received::kBroken;
  }
  link.close();
  connection_.reset();
}

/// Ends CONNECTION, and all calls on it with OUTCOME.
void ClientCore::end_connection(const std::shared_ptr<Connection>& connection,
                                const Outcome& outcome) {
  connection->link->close();
  if (connection_ != connection) return;
  connection_.reset();
  for (PendingCall* const& slot : slots_) {  // finish() empties it.
    if (slot != nullptr) finish(*slot, copy_of(outcome));
  }
  for (std::condition_variable* waiter : waiters_) waiter->notify_one();
}

/// Why receive() said EVENT. Without the mutex.
Outcome ClientCore::why_ended(const Connection& connection, Received event, Clock::time_point end) {
  if (event == Received::kBroken) {
    return {HIVE_BAD_REPLY, 0, fault_text(connection.link->fault())};
  }
  return blame_peer({HIVE_RESET, 0, "the connection ended before the reply came"}, connection.peer,
                    end);
}

/// OUTCOME, or HIVE_PEER_FAILED where that is what the monitor says of the peer. Without the mutex.
Outcome ClientCore::blame_peer(Outcome outcome, const Identity& peer, Clock::time_point end) try {
  if (outcome.status != HIVE_RESET && outcome.status != HIVE_REFUSED) return outcome;
  const Clock::time_point by = std::min(end, Clock::now() + kBlamePatience);
  if (by <= Clock::now()) return outcome;
  const std::uint32_t cid = connector_->cid();
  std::optional<CellState> state;
  if (cid != 0) {
    state = monitor_->cell_of_cid(cid, by);
  } else if (peer.cell != HIVE_RPC_NO_CELL) {
    state = monitor_->cell(peer.cell, by);
  }
  if (!state) return outcome;
  if (!state->is_alive) {
    return {HIVE_PEER_FAILED, 0, "cell " + std::to_string(state->cell) + " is not alive"};
  }
  if (peer.incarnation != 0 && state->incarnation != peer.incarnation) {
    return {HIVE_PEER_FAILED, 0, "cell " + std::to_string(state->cell) + " has been booted again"};
  }
  return outcome;
} catch (const std::bad_alloc&) {
  return outcome;  // No memory to find out more.
}

void ClientCore::hint(const Identity& peer, hive_monitor_hint hint, std::uint64_t detail) {
  const std::uint32_t cid = connector_->cid();
  if (cid == 0 && peer.cell == HIVE_RPC_NO_CELL) return;
  monitor_->hint({cid, peer.cell, peer.incarnation}, hint, detail);
}

/// A reply that cannot be trusted: nothing more from that connection can be.
void ClientCore::bad_reply(const std::shared_ptr<Connection>& connection, hive_rpc_fault fault) {
  ++counters_.bad_replies;
  hint(last_peer_, HIVE_HINT_BAD_REPLY, fault);
  end_connection(connection, make_outcome(HIVE_BAD_REPLY, fault_text(fault)));
}

}  // namespace hive::rpc
