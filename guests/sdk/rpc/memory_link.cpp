#include "guests/sdk/rpc/memory_link.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <new>

#include "guests/sdk/events/spinning_wait.h"
#include "guests/sdk/rpc/poll_until.h"

namespace hive::rpc {
namespace {

/// Between looks at the socket of who polls.
constexpr std::chrono::microseconds kBetweenSocketLooks{100};
/// Between looks where nobody can be told of doorbells.
constexpr std::chrono::milliseconds kDeafSleep{2};

}  // namespace

MemoryLink::MemoryLink(std::unique_ptr<SocketLink> socket, std::shared_ptr<MemoryHub> hub,
                       Role role)
    : socket_(std::move(socket)),
      hub_(std::move(hub)),
      role_(role),
      wakeup_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

MemoryLink::~MemoryLink() = default;

Sent MemoryLink::send(const hive_rpc_frame& header, ByteView payload) {
  if (!is_up()) {
    if (header.kind == HIVE_RPC_HELLO && role_ == Role::kCaller) return send_hello(header, payload);
    if (header.kind == HIVE_RPC_WELCOME && offered_) return send_welcome(header, payload);
    return socket_->send(header, payload);
  }
  if (closed_) return Sent::kEnded;
  const Sent sent = path_->send(header, payload);
  // It does not wait for room yet.
  if (sent == Sent::kSent && path_->unsent() > 0 && sleeping_) wake();
  return sent;
}

Received MemoryLink::receive(Frame& frame, Clock::time_point end) try {
  return receive_next(frame, end);
} catch (const std::bad_alloc&) {
  close();
  return Received::kEnded;
}

Received MemoryLink::receive_next(Frame& frame, Clock::time_point end) {
  if (fault_ != HIVE_RPC_FAULT_NONE) return Received::kBroken;
  if (!is_up()) return receive_before(frame, end);
  for (;;) {
    if (closed_) return Received::kEnded;
    if (path_->unsent() > 0 && path_->flush()) return Received::kRoom;
    switch (path_->read(frame)) {
      case MemoryPath::Step::kFrame:
        return Received::kFrame;
      case MemoryPath::Step::kEnded:
        return Received::kEnded;
      case MemoryPath::Step::kBroken:
        fault_ = path_->fault();
        return Received::kBroken;
      default:
        break;
    }
    if (ended_) return Received::kEnded;
    if (end == kNow || socket_stirs_) {
      const Received event = look_at_socket();
      if (event == Received::kBroken) return event;
      if (ended_) continue;  // What came before its end is in the ring.
      if (end == kNow) return Received::kTimeout;
    }
    if (woken_.exchange(false)) return Received::kWoken;
    const Received event = wait(end);
    if (event != Received::kFrame) return event;
  }
}

/// Nothing comes through it any more but its end.
Received MemoryLink::look_at_socket() {
  const Clock::time_point now = Clock::now();
  if (!socket_stirs_ && now - last_look_ < kBetweenSocketLooks) return Received::kTimeout;
  last_look_ = now;
  socket_stirs_ = false;
  switch (socket_->receive(scratch_, kNow)) {
    case Received::kFrame:
      fault_ = HIVE_RPC_FAULT_KIND;
      return Received::kBroken;
    case Received::kBroken:
      fault_ = socket_->fault();
      return Received::kBroken;
    case Received::kEnded:
      ended_ = true;
      return Received::kEnded;
    default:
      return Received::kTimeout;
  }
}

bool MemoryLink::is_worth_a_look() {
  return path_->has_news() || woken_.load(std::memory_order_relaxed) ||
         closed_.load(std::memory_order_relaxed) || (path_->unsent() > 0 && path_->can_flush());
}

/// kFrame when it is worth a look.
Received MemoryLink::wait(Clock::time_point end) {
  sdk::SpinningWait wait(spin_bound_);
  if (wait.spin([this] { return is_worth_a_look(); }, end)) return Received::kFrame;
  const Received received = sleep(end);
  if (received == Received::kFrame && is_worth_a_look()) wait.woke();
  return received;
}

Received MemoryLink::sleep(Clock::time_point end) {
  sdk::Events& events = hub_->machine().events();
  auto listener = events.take_listener(std::min(end, Clock::now() + kDeafSleep));
  sleeping_ = true;
  bool is_told = listener != nullptr;
  if (listener) {
    listener->forget();
    is_told = listener->enable();
  }
  path_->publish();
  sdk::full_fence();
  std::array<pollfd, 3> polled{{{socket_->fd(), POLLIN, 0},
                                {wakeup_.get(), POLLIN, 0},
                                {is_told ? listener->descriptor() : -1, POLLIN, 0}}};
  if (!is_worth_a_look()) {
    const Clock::duration most =
        is_told ? listener->longest_sleep(events.longest_sleep()) : kDeafSleep;
    (void)poll_until(polled.data(), polled.size(), std::min(end, Clock::now() + most));
  }
  path_->withdraw();
  sleeping_ = false;
  if (listener && is_told) events.give_back(std::move(listener));
  if (polled[0].revents != 0) socket_stirs_ = true;
  if (polled[1].revents != 0) {
    std::uint64_t count = 0;
    (void)!::read(wakeup_.get(), &count, sizeof count);
  }
  const bool is_over = Clock::now() >= end && !socket_stirs_ && !is_worth_a_look();
  return is_over ? Received::kTimeout : Received::kFrame;
}

void MemoryLink::wake() {
  if (!is_up()) return socket_->wake();
  woken_ = true;
  if (!sleeping_) return;
  const std::uint64_t one = 1;
  (void)!::write(wakeup_.get(), &one, sizeof one);
}

void MemoryLink::close() {
  closed_ = true;
  if (is_up()) path_->close();
  socket_->close();
  wake();
}

bool MemoryLink::has_room() const {
  return is_up() ? path_->unsent() < MemoryPath::kMostUnsent : socket_->has_room();
}

hive_rpc_fault MemoryLink::fault() const {
  return fault_ != HIVE_RPC_FAULT_NONE ? fault_ : socket_->fault();
}

// --- for who waits for many links ---

bool MemoryLink::wants_write() const {
  return is_up() ? path_->unsent() > 0 : socket_->wants_write();
}

short MemoryLink::poll_events(bool reads) const {
  return is_up() ? POLLIN : socket_->poll_events(reads);
}

bool MemoryLink::pending() const {
  if (is_up()) return path_->has_news();
  return socket_->pending() || (is_settling() && can_settle());
}

bool MemoryLink::arm(bool reads) {
  if (!is_up()) return socket_->arm(reads);
  path_->publish();
  sdk::full_fence();
  return !(reads && path_->has_news()) && !path_->can_flush();
}

void MemoryLink::disarm() {
  if (is_up()) path_->withdraw();
}

}  // namespace hive::rpc
