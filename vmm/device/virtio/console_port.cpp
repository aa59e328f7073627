#include "vmm/device/virtio/console_port.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "vmm/base/watch.h"

namespace hive::device {
namespace {

using Wait = boost::asio::posix::stream_descriptor::wait_type;
constexpr unsigned kMoves = 64;  // Chains moved before others get their turn.

msghdr message(std::span<iovec> buffers) {
  msghdr header{};
  header.msg_iov = buffers.data();
  header.msg_iovlen = buffers.size();
  return header;
}

}  // namespace

ConsolePort::ConsolePort(VirtioTransport& transport, Queues queues, UniqueFd socket, bool console,
                         std::function<void()> on_host_gone)
    : transport_(&transport),
      queues_(queues),
      socket_(watch(transport.loop(), std::move(socket))),
      patience_(transport.loop()),
      console_(console),
      on_host_gone_(std::move(on_host_gone)) {}

/// Makes sure that a chain of QUEUE is held in CHAIN. False when there is none.
bool ConsolePort::take(unsigned queue, Chain& chain) {
  Virtqueue& ring = transport_->queue(queue);
  do {
    if (ring.pop(chain)) return true;
  } while (ring.want_kicks());
  return false;
}

void ConsolePort::pump_to_host() {
  for (unsigned turn = 0; turn < kMoves; ++turn) {
    if (!transmitting_) {
      if (!take(queues_.transmit, transmit_)) return;
      transmitting_ = true;
      unsent_ = transmit_.to_read();
    }
    const Moved moved = host_open_ && !stalled_ ? send_chain() : Moved::kSome;
    if (moved == Moved::kWait) return await_writable();
    if (moved == Moved::kStop) host_gone();  // And the chain is dropped.
    transmitting_ = false;
    transport_->queue(queues_.transmit).push(transmit_.head, 0);
  }
  transport_->poke(queues_.transmit);
}

ConsolePort::Moved ConsolePort::send_chain() {
  while (!unsent_.empty()) {
    // One by one: the sandbox has no sendmsg(2), which could give descriptors away.
    const iovec& next = unsent_.front();
    const ssize_t sent =
        ::send(socket_.native_handle(), next.iov_base, next.iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno == EAGAIN ? Moved::kWait : Moved::kStop;
    patience_.cancel();
    unsent_ = drop_front(unsent_, static_cast<std::uint64_t>(sent));
  }
  return Moved::kSome;
}

void ConsolePort::pump_to_guest(bool open) {
  guest_open_ = open;
  for (unsigned turn = 0; turn < kMoves; ++turn) {
    if (!host_open_ || !guest_open_) return;
    if (!receiving_) {
      if (!take(queues_.receive, receive_)) return;
      receiving_ = true;
    }
    const Moved moved = receive_.writable != 0 ? receive_chain() : Moved::kSome;
    if (moved == Moved::kWait) return await_readable();
    if (moved == Moved::kStop) return host_gone();
    if (receive_.writable == 0) transport_->queue(queues_.receive).push(receive_.head, 0);
    receiving_ = false;
  }
  transport_->poke(queues_.receive);
}

ConsolePort::Moved ConsolePort::receive_guarded() {
  std::array<std::byte, 4096> bytes;
  for (;;) {
    const std::size_t room = std::min<std::uint64_t>(receive_.writable_bytes, bytes.size());
    const ssize_t got = ::recv(socket_.native_handle(), bytes.data(), room, MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return Moved::kWait;
    if (got <= 0) return Moved::kStop;
    Virtqueue& queue = transport_->queue(queues_.receive);
    const auto count = static_cast<std::size_t>(got);
    if (store(receive_.to_write(), 0, std::span(bytes).first(count), receive_.writer)) {
      queue.push(receive_.head, static_cast<std::uint32_t>(got));
    } else {
      queue.fail("buffer for input where the cell may not write");
    }
    return Moved::kSome;
  }
}

ConsolePort::Moved ConsolePort::receive_chain() {
  if (receive_.writer != nullptr) return receive_guarded();
  for (;;) {
    msghdr header = message(receive_.to_write());
    const ssize_t got = ::recvmsg(socket_.native_handle(), &header, MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return Moved::kWait;
    if (got <= 0) return Moved::kStop;
    transport_->queue(queues_.receive).push(receive_.head, static_cast<std::uint32_t>(got));
    return Moved::kSome;
  }
}

void ConsolePort::await_writable() {
  if (awaiting_writable_) return;
  awaiting_writable_ = true;
  socket_.async_wait(Wait::wait_write,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       if (error || self->closed_) return;
                       self->transport_->run([&port = *self] {
                         port.awaiting_writable_ = port.stalled_ = false;
                         if (port.transport_->running()) port.pump_to_host();
                       });
                     });
  if (!console_) return;
  patience_.expires_after(kPatience);
  patience_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (error || self->closed_) return;
    self->transport_->run([&port = *self] { port.lose_patience(); });
  });
}

void ConsolePort::lose_patience() {
  if (!awaiting_writable_) return;
  stalled_ = true;
  if (transport_->running()) pump_to_host();
}

void ConsolePort::await_readable() {
  if (awaiting_readable_) return;
  awaiting_readable_ = true;
  socket_.async_wait(Wait::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       if (error || self->closed_) return;
                       self->transport_->run([&port = *self] {
                         port.awaiting_readable_ = false;
                         if (port.transport_->running()) port.pump_to_guest(port.guest_open_);
                       });
                     });
}

void ConsolePort::host_gone() {
  if (!std::exchange(host_open_, false)) return;
  patience_.cancel();
  boost::system::error_code ignored;
  socket_.close(ignored);
  on_host_gone_();
}

void ConsolePort::reset_queue(unsigned index) {
  if (index == queues_.transmit) transmitting_ = false;
  if (index == queues_.receive) receiving_ = false;
}

void ConsolePort::reset() { transmitting_ = receiving_ = guest_open_ = false; }

void ConsolePort::close() {
  closed_ = true;
  boost::system::error_code ignored;
  patience_.cancel(ignored);
  socket_.close(ignored);
}

}  // namespace hive::device
