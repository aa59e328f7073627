#include "guests/sdk/rpc/socket_link.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>

#include "guests/sdk/rpc/poll_until.h"

namespace hive::rpc {
namespace {

constexpr std::size_t kStageSize = std::size_t{16} * 1024;

/// Whether ERROR says "not now" and not "never".
bool may_pass(int error) { return error == EAGAIN || error == EINTR || error == ENOBUFS; }

}  // namespace

SocketLink::SocketLink(UniqueFd socket, std::uint32_t peer_cid)
    : socket_(std::move(socket)),
      wakeup_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      peer_cid_(peer_cid),
      stage_(kStageSize) {
  ::fcntl(socket_.get(), F_SETFL, ::fcntl(socket_.get(), F_GETFL) | O_NONBLOCK);
}

Sent SocketLink::send(const hive_rpc_frame& header, ByteView payload) {
  const std::lock_guard lock(sending_);
  if (closed_ || is_deaf_) return Sent::kEnded;
  if (unsent_size_ > 0) {
    if (unsent_size_ >= kMostUnsent) return Sent::kFull;
    return keep_unsent(bytes_of(header), payload, 0) ? Sent::kSent : Sent::kEnded;
  }
  const ByteView head = bytes_of(header);
  std::array<iovec, 2> pieces{{{const_cast<unsigned char*>(head.data()), head.size()},
                               {const_cast<unsigned char*>(payload.data()), payload.size()}}};
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = payload.empty() ? 1 : 2;
  const ssize_t sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && !may_pass(errno)) return Sent::kEnded;
  const std::size_t done = sent < 0 ? 0 : static_cast<std::size_t>(sent);
  if (done < head.size() + payload.size() && !keep_unsent(head, payload, done)) {
    return Sent::kEnded;
  }
  return Sent::kSent;
}

/// False where there is no memory for it. A part may have gone, so that the connection is over.
bool SocketLink::keep_unsent(ByteView head, ByteView payload, std::size_t sent) try {
  if (unsent_start_ > 0) {
    unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<std::ptrdiff_t>(unsent_start_));
    unsent_start_ = 0;
  }
  const ByteView rest = head.subspan(std::min(sent, head.size()));
  const ByteView more = payload.subspan(sent > head.size() ? sent - head.size() : 0);
  unsent_.insert(unsent_.end(), rest.begin(), rest.end());
  unsent_.insert(unsent_.end(), more.begin(), more.end());
  unsent_size_ = unsent_.size();
  if (sleeping_) wake();  // It does not look for room yet.
  return true;
} catch (const std::bad_alloc&) {
  close();
  return false;
}

/// Passes on what is unsent. Whether any of it went.
bool SocketLink::flush() {
  const std::lock_guard lock(sending_);
  if (unsent_size_ == 0) return false;
  const ssize_t sent = ::send(socket_.get(), unsent_.data() + unsent_start_, unsent_size_,
                              MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && may_pass(errno)) return false;
  // The peer may read no more, and yet have replied.
  is_deaf_ = sent < 0;
  unsent_start_ += is_deaf_ ? unsent_size_.load() : static_cast<std::size_t>(sent);
  unsent_size_ = unsent_.size() - unsent_start_;
  if (unsent_size_ == 0) {
    unsent_.clear();
    unsent_start_ = 0;
    if (unsent_.capacity() > kMostUnsent) unsent_.shrink_to_fit();
  }
  return true;
}

void SocketLink::wake() {
  const std::uint64_t one = 1;
  (void)!::write(wakeup_.get(), &one, sizeof one);
}

void SocketLink::close() {
  closed_ = true;
  ::shutdown(socket_.get(), SHUT_RDWR);
  wake();
}

Received SocketLink::receive(Frame& frame, Clock::time_point end) try {
  return receive_next(frame, end);
} catch (const std::bad_alloc&) {
  close();
  return Received::kEnded;
}

Received SocketLink::receive_next(Frame& frame, Clock::time_point end) {
  if (fault_ != HIVE_RPC_FAULT_NONE) return Received::kBroken;
  // Unless something is left from before, the socket is most likely empty for one who can wait.
  bool look = end == kNow || pending();
  for (;;) {
    if (closed_) return Received::kEnded;
    if (unsent_size_ > 0 && flush()) return Received::kRoom;
    if (look) {
      switch (read_on(frame)) {
        case Step::kFrame:
          return Received::kFrame;
        case Step::kEnded:
          return Received::kEnded;
        case Step::kBroken:
          return Received::kBroken;
        default:
          break;
      }
    }
    if (end == kNow) return Received::kTimeout;
    const Received event = wait(end);
    if (event != Received::kFrame) return event;
    look = true;
  }
}

/// kFrame when the socket is worth a look.
Received SocketLink::wait(Clock::time_point end) {
  sleeping_ = true;
  // Looked at after that was said, so that one of the two sees the other.
  const short events = unsent_size_ > 0 ? POLLIN | POLLOUT : POLLIN;
  std::array<pollfd, 2> polled{{{socket_.get(), events, 0}, {wakeup_.get(), POLLIN, 0}}};
  const int ready = poll_until(polled.data(), polled.size(), end);
  sleeping_ = false;
  if (ready == 0) return Clock::now() >= end ? Received::kTimeout : Received::kFrame;
  if (polled[1].revents != 0) {
    std::uint64_t count = 0;
    (void)!::read(wakeup_.get(), &count, sizeof count);
    if (polled[0].revents == 0) return Received::kWoken;
  }
  return Received::kFrame;
}

/// Goes on with a frame as far as what has come allows.
SocketLink::Step SocketLink::read_on(Frame& frame) {
  for (;;) {
    Step step = has_header_ ? take_payload() : take_header();
    if (step == Step::kFrame) return finish(frame);
    if (step == Step::kEmpty) step = has_header_ ? read_payload() : fill_stage();
    if (step != Step::kMore) return step;
  }
}

SocketLink::Step SocketLink::fill_stage() {
  if (start_ > 0 && start_ < stop_) {
    std::memmove(stage_.data(), stage_.data() + start_, stop_ - start_);
  }
  stop_ -= start_;
  start_ = 0;
  const ssize_t got =
      ::recv(socket_.get(), stage_.data() + stop_, stage_.size() - stop_, MSG_DONTWAIT);
  if (got == 0) return Step::kEnded;
  if (got < 0) return may_pass(errno) ? Step::kEmpty : Step::kEnded;
  stop_ += static_cast<std::size_t>(got);
  return Step::kMore;
}

SocketLink::Step SocketLink::take_header() {
  if (stop_ - start_ < sizeof header_) return Step::kEmpty;
  std::memcpy(&header_, stage_.data() + start_, sizeof header_);
  start_ += sizeof header_;
  fault_ = check_header(header_);
  if (fault_ != HIVE_RPC_FAULT_NONE) return Step::kBroken;
  has_header_ = true;
  filled_ = 0;
  payload_.resize(header_.length);
  return Step::kMore;
}

/// From the stage.
SocketLink::Step SocketLink::take_payload() {
  const std::size_t part = std::min<std::size_t>(stop_ - start_, header_.length - filled_);
  if (part > 0) std::memcpy(payload_.data() + filled_, stage_.data() + start_, part);
  start_ += part;
  filled_ += part;
  return filled_ == header_.length ? Step::kFrame : Step::kEmpty;
}

/// From the socket; the stage is empty. A long payload goes to its place at once.
SocketLink::Step SocketLink::read_payload() {
  if (header_.length - filled_ < kStageSize / 2) return fill_stage();
  const ssize_t got =
      ::recv(socket_.get(), payload_.data() + filled_, header_.length - filled_, MSG_DONTWAIT);
  if (got == 0) return Step::kEnded;
  if (got < 0) return may_pass(errno) ? Step::kEmpty : Step::kEnded;
  filled_ += static_cast<std::size_t>(got);
  return Step::kMore;
}

SocketLink::Step SocketLink::finish(Frame& frame) {
  has_header_ = false;
  fault_ = check_payload(header_, payload_);
  if (fault_ != HIVE_RPC_FAULT_NONE) return Step::kBroken;
  frame.header = header_;
  std::swap(frame.payload, payload_);
  return Step::kFrame;
}

}  // namespace hive::rpc
