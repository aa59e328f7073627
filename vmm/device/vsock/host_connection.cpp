#include "vmm/device/vsock/host_connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "vmm/base/watch.h"

namespace hive::device::vsock {
namespace {

using Wait = boost::asio::posix::stream_descriptor::wait_type;

bool is_hung_up(int socket) {
  pollfd entry{socket, 0, 0};
  return ::poll(&entry, 1, 0) > 0 && (entry.revents & (POLLHUP | POLLERR)) != 0;
}

}  // namespace

bool HostConnection::open(UniqueFd socket) {
  boost::system::error_code error;
  socket_ = try_watch(loop_, std::move(socket), error);
  return socket_.has_value();
}

void HostConnection::close() {
  closed_ = true;
  socket_.reset();
  unsent_.clear();
  sent_ = 0;
}

void HostConnection::queue(std::span<const std::byte> bytes) {
  if (!has_unsent()) {
    unsent_.clear();
    sent_ = 0;
  } else if (sent_ >= HostStream::kBuffer) {
    unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<std::ptrdiff_t>(sent_));
    sent_ = 0;
  }
  unsent_.insert(unsent_.end(), bytes.begin(), bytes.end());
}

std::optional<std::uint32_t> HostConnection::flush() {
  std::uint32_t total = 0;
  while (socket_ && has_unsent()) {
    const ssize_t sent = ::send(socket_->native_handle(), unsent_.data() + sent_,
                                unsent_.size() - sent_, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) {
      await_writable();
      break;
    }
    if (sent < 0) return std::nullopt;
    sent_ += static_cast<std::size_t>(sent);
    total += static_cast<std::uint32_t>(sent);
  }
  return total;
}

HostConnection::Read HostConnection::read(std::span<std::byte> buffer, std::size_t& count) {
  for (;;) {
    const ssize_t got =
        ::recv(socket_->native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got > 0) {
      count = static_cast<std::size_t>(got);
      return Read::kBytes;
    }
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) {
      await_readable();
      return Read::kNothing;
    }
    if (got < 0) return Read::kGone;
    return is_hung_up(socket_->native_handle()) ? Read::kGone : Read::kEnd;
  }
}

void HostConnection::stop_reading() {
  if (socket_) ::shutdown(socket_->native_handle(), SHUT_RD);
}

void HostConnection::stop_writing() {
  if (socket_) ::shutdown(socket_->native_handle(), SHUT_WR);
}

void HostConnection::await_readable() {
  if (std::exchange(awaiting_readable_, true)) return;
  socket_->async_wait(Wait::wait_read, [self = shared_from_this()](const auto& error) {
    if (!error && !self->closed_) self->handlers_.on_readable(self);
  });
}

void HostConnection::await_writable() {
  if (std::exchange(awaiting_writable_, true)) return;
  socket_->async_wait(Wait::wait_write, [self = shared_from_this()](const auto& error) {
    if (!error && !self->closed_) self->handlers_.on_writable(self);
  });
}

}  // namespace hive::device::vsock
