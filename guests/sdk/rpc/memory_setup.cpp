// How a link comes to its memory.
#include <algorithm>
#include <cstring>

#include "guests/sdk/rpc/memory_link.h"

namespace hive::rpc {
namespace {

/// How long a callee lets a caller wait for a section, while it serves others; and how long a
/// caller waits for its own at most.
constexpr std::chrono::milliseconds kCalleePatience{100};
constexpr std::chrono::milliseconds kCallerPatience{200};
constexpr std::chrono::milliseconds kBetweenSectionLooks{1};

}  // namespace

Sent MemoryLink::send_hello(hive_rpc_frame header, ByteView payload) {
  hive_rpc_hello hello = read_hello(payload);
  hello.features |= HIVE_RPC_MEMORY;
  seal(header, bytes_of(hello));
  return socket_->send(header, bytes_of(hello));
}

Sent MemoryLink::send_welcome(hive_rpc_frame header, ByteView payload) {
  hive_rpc_welcome welcome{};
  std::memcpy(&welcome, payload.data(), std::min(payload.size(), sizeof welcome));
  welcome.features |= HIVE_RPC_MEMORY;
  // The monitor may not have told the server; the machine did, and the SETUP will say the same.
  if (welcome.cell == HIVE_RPC_NO_CELL) welcome.cell = hub_->cell();
  seal(header, bytes_of(welcome));
  return socket_->send(header, bytes_of(welcome));
}

/// Over the socket, until frames go through memory.
Received MemoryLink::receive_before(Frame& frame, Clock::time_point end) {
  for (;;) {
    if (is_settling() && can_settle()) {
      const Received settled = settle();
      if (settled != Received::kFrame) return settled;
      if (is_up()) return receive_next(frame, end);
    }
    const Clock::time_point by =
        is_settling() && end != kNow ? std::min(end, Clock::now() + kBetweenSectionLooks) : end;
    const Received event = socket_->receive(frame, by);
    if (event == Received::kTimeout && by != end) continue;
    if (event != Received::kFrame) return event;
    if (is_settling()) {  // It has to wait for the answer.
      fault_ = HIVE_RPC_FAULT_KIND;
      return Received::kBroken;
    }
    const std::uint8_t kind = frame.header.kind;
    if (role_ == Role::kCaller) {
      return kind == HIVE_RPC_WELCOME ? take_welcome(frame, end) : event;
    }
    if (kind == HIVE_RPC_HELLO)
      offered_ = (read_hello(frame.payload).features & HIVE_RPC_MEMORY) != 0;
    if (kind != HIVE_RPC_SETUP || !std::exchange(offered_, false)) return event;
    const Received taken = take_proposal(frame);
    if (taken != Received::kFrame) return taken;
  }
}

// --- the caller's end ---

/// Hides from the client what is between the two ends.
Received MemoryLink::take_welcome(Frame& frame, Clock::time_point end) {
  hive_rpc_welcome welcome = read_welcome(frame.payload);
  const bool is_offered = (welcome.features & HIVE_RPC_MEMORY) != 0;
  welcome.features &= ~HIVE_RPC_MEMORY;
  const ByteView bytes = bytes_of(welcome);
  frame.payload.assign(bytes.begin(), bytes.end());
  if (is_offered) {
    scratch_.header = frame.header;
    callee_cell_ = welcome.cell;
    const Received event = propose(end);
    if (event != Received::kFrame) return event;
  }

  return Received::kFrame;
}

/// kFrame: that is settled, one way or the other.
Received MemoryLink::propose(Clock::time_point end) {
  // Half of the time that is left, so that there is some for the call over the socket.
  const Clock::time_point now = Clock::now();
  section_ = hub_->take_section(std::min(now + (end - now) / 2, now + kCallerPatience));
  if (!section_ || !MemoryPath::clear(*hub_, section_->get())) return Received::kFrame;
  const Frame welcome = scratch_;
  if (!send_setup(welcome, setup_of(hub_->cell(), section_->get(), hub_->capacity()))) {
    return Received::kEnded;
  }
  for (;;) {
    const Received event = socket_->receive(scratch_, end);
    if (event == Received::kFrame) return take_answer(scratch_);
    if (event != Received::kRoom) return event;
  }
}

Received MemoryLink::take_answer(const Frame& frame) {
  const hive_rpc_setup theirs = read_setup(frame.payload);
  if (frame.header.kind != HIVE_RPC_SETUP) {
    fault_ = HIVE_RPC_FAULT_KIND;
    return Received::kBroken;
  }
  if (theirs.capacity == 0) {
    section_.reset();
    return Received::kFrame;
  }
  // It sends through memory from now on: its own, and no other cell's.
  if (theirs.cell == callee_cell_ && check_setup(*hub_, theirs).ok() && go_up(theirs)) {
    return Received::kFrame;
  }
  fault_ = HIVE_RPC_FAULT_FIELD;
  return Received::kBroken;
}

// --- the callee's end ---

/// kFrame: to be settled.
Received MemoryLink::take_proposal(const Frame& frame) {
  const hive_rpc_setup theirs = read_setup(frame.payload);
  if (theirs.cell != hub_->cell() && !check_setup(*hub_, theirs).ok()) {
    fault_ = HIVE_RPC_FAULT_FIELD;
    return Received::kBroken;
  }
  proposal_ = frame;
  settle_by_ = Clock::now() + kCalleePatience;
  return Received::kFrame;
}

bool MemoryLink::can_settle() const { return hub_->has_section() || Clock::now() >= settle_by_; }

/// kFrame: go on, in memory or not.
Received MemoryLink::settle() {
  const Frame proposal = std::move(*proposal_);
  proposal_.reset();
  const hive_rpc_setup theirs = read_setup(proposal.payload);
  hive_rpc_setup own{};
  own.cell = hub_->cell();
  if (theirs.cell != own.cell && !hub_->is_crowded(peer_cid())) {
    section_ = hub_->take_section(Clock::now());
    if (section_ && MemoryPath::clear(*hub_, section_->get())) {
      own = setup_of(hub_->cell(), section_->get(), hub_->capacity());
    }
  }
  if (own.capacity != 0 && !go_up(theirs)) return Received::kEnded;
  return send_setup(proposal, own) ? Received::kFrame : Received::kEnded;
}

// --- both ---

/// LIKE: a frame of this connection, for the fields that say whose it is.
bool MemoryLink::send_setup(const Frame& like, const hive_rpc_setup& setup) {
  hive_rpc_frame header{};
  header.kind = HIVE_RPC_SETUP;
  header.caller_cell = like.header.caller_cell;
  header.caller_incarnation = like.header.caller_incarnation;
  header.callee_incarnation = like.header.callee_incarnation;
  seal(header, bytes_of(setup));
  return socket_->send(header, bytes_of(setup)) == Sent::kSent && !socket_->wants_write();
}

bool MemoryLink::go_up(const hive_rpc_setup& theirs) {
  path_ = MemoryPath::open(hub_, std::move(section_), theirs, peer_cid());
  if (!path_) return false;
  up_.store(true, std::memory_order_release);
  return true;
}

}  // namespace hive::rpc
