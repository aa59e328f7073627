#include "vmm/device/legacy/serial_link.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>
#include <span>
#include <string>

#include "vmm/base/error.h"
#include "vmm/device/event_source.h"

namespace hive::device {
namespace {

using Wait = boost::asio::posix::stream_descriptor::wait_type;
constexpr auto kGatherTime = std::chrono::milliseconds(1);
constexpr std::size_t kPiece = 4096;  // Bytes per write(2).

/// A descriptor of our own for what FD refers to. Pipes and terminals are reopened, since making
/// them non-blocking would change them for everyone who shares FD.
UniqueFd take_private(int fd, int access) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) throw_errno("serial port: file descriptor " + std::to_string(fd));
  if (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode)) {
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    UniqueFd own(::open(path.c_str(), access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (own) return own;
  }
  UniqueFd own(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!own) throw_errno("serial port: file descriptor " + std::to_string(fd));
  return own;
}

/// A descriptor on the loop. Files and /dev/null cannot be waited for, nor need they be.
class Endpoint {
 public:
  Endpoint(boost::asio::io_context& loop, int fd, int access) : stream_(loop) {
    if (fd < 0) return;
    fd_ = take_private(fd, access);
    boost::system::error_code error;
    stream_.assign(fd_.get(), error);
    waitable_ = !error;
    if (!waitable_) return;
    (void)fd_.release();  // It belongs to the stream now.
    stream_.native_non_blocking(true);
  }

  [[nodiscard]] int fd() { return waitable_ ? stream_.native_handle() : fd_.get(); }
  [[nodiscard]] bool waitable() const { return waitable_; }
  [[nodiscard]] boost::asio::posix::stream_descriptor& stream() { return stream_; }
  /// As write(2), but a reader that has gone is always an error and never a signal on a socket.
  ssize_t write(std::span<const std::byte> data) {
    const ssize_t sent = ::send(fd(), data.data(), data.size(), MSG_NOSIGNAL);
    if (sent >= 0 || errno != ENOTSOCK) return sent;
    return ::write(fd(), data.data(), data.size());
  }
  void close() {
    boost::system::error_code ignored;
    stream_.close(ignored);
    waitable_ = false;
    fd_.reset();
  }

 private:
  boost::asio::posix::stream_descriptor stream_;
  UniqueFd fd_;
  bool waitable_ = false;
};

}  // namespace

/// What the guest sends. transmit() runs on vCPU threads, the rest on the loop.
class SerialLink::Output : public std::enable_shared_from_this<Output> {
 public:
  Output(boost::asio::io_context& loop, int fd)
      : endpoint_(loop, fd, O_WRONLY), timer_(loop), wake_(loop, [this] { gather(); }) {
    open_ = fd >= 0;
  }

  void transmit(std::byte byte) {
    const std::lock_guard lock(mutex_);
    if (!open_) return;
    if (tail_ - head_ == kBufferSize) {
      ++head_;
      ++dropped_;
    }
    buffer_[tail_++ % kBufferSize] = byte;
    if (!scheduled_) {
      scheduled_ = true;
      wake_.signal();
    }
  }

  /// The same, but gives the reader up to LIMIT to take what is left.
  bool flush(std::chrono::milliseconds limit) {
    using Clock = std::chrono::steady_clock;
    const auto deadline = Clock::now() + limit;
    while (flush()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
      if (left.count() <= 0) return true;
      pollfd room{endpoint_.fd(), POLLOUT, 0};
      ::poll(&room, 1, static_cast<int>(left.count()));
    }
    return false;
  }

  /// Writes until nothing is left or the reader takes no more. Returns whether something is left.
  bool flush() {
    std::array<std::byte, kPiece> piece;
    for (;;) {
      const auto [start, length] = copy_piece(piece);
      if (length == 0) return false;
      const ssize_t written = endpoint_.write(std::span(piece).first(length));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0 && errno == EAGAIN) return true;
      if (written < 0) {
        close();
        return false;
      }
      consume(start, static_cast<std::size_t>(written));
    }
  }

  void close() {
    const std::lock_guard lock(mutex_);
    open_ = false;
    head_ = tail_ = 0;
    boost::system::error_code ignored;
    timer_.cancel(ignored);
    endpoint_.close();
  }

  [[nodiscard]] std::uint64_t dropped() {
    const std::lock_guard lock(mutex_);
    return dropped_;
  }

 private:
  struct Piece {
    std::uint64_t start;
    std::size_t length;
  };

  void gather() {
    timer_.expires_after(kGatherTime);
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error) self->drain();
    });
  }

  void drain() {
    if (!flush() || !endpoint_.waitable()) return;
    endpoint_.stream().async_wait(
        Wait::wait_write, [self = shared_from_this()](const boost::system::error_code& error) {
          if (!error) self->drain();
        });
  }

  /// Copies the oldest bytes, so that they can be written without the lock. With none left, the
  /// next byte starts at the front again: a buffer that is rarely full stays small in memory.
  Piece copy_piece(std::span<std::byte> out) {
    const std::lock_guard lock(mutex_);
    if (head_ == tail_) {
      head_ = tail_ = 0;
      scheduled_ = false;
      return {0, 0};
    }
    const std::size_t at = head_ % kBufferSize;
    const std::size_t length = std::min({out.size(), std::size_t{tail_ - head_}, kBufferSize - at});
    std::memcpy(out.data(), &buffer_[at], length);
    return {head_, length};
  }

  void consume(std::uint64_t start, std::size_t length) {
    const std::lock_guard lock(mutex_);
    head_ = std::max(head_, start + length);  // Bytes may have been dropped meanwhile.
  }

  Endpoint endpoint_;
  boost::asio::steady_timer timer_;
  EventSource wake_;
  std::mutex mutex_;
  // Not initialised: pages are taken from the host as they are first used.
  std::unique_ptr<std::byte[]> buffer_{new std::byte[kBufferSize]};
  std::uint64_t head_ = 0;  ///< Positions in the stream since it was last empty.
  std::uint64_t tail_ = 0;
  std::uint64_t dropped_ = 0;
  bool scheduled_ = false;  ///< The loop is going to write.
  bool open_ = false;
};

/// What the guest receives. All on the loop but ready().
class SerialLink::Input : public std::enable_shared_from_this<Input> {
 public:
  Input(boost::asio::io_context& loop, int fd)
      : endpoint_(loop, fd, O_RDONLY), wake_(loop, [this] { pump(); }) {}

  void start(Serial16550& port) {
    port_ = &port;
    pump();
  }

  /// The port has room for what is held back. Any thread.
  void ready() { wake_.signal(); }

  void close() {
    port_ = nullptr;
    endpoint_.close();
  }

 private:
  /// Moves bytes until the port has no room or there is nothing to read.
  void pump() {
    while (port_ != nullptr && endpoint_.fd() >= 0) {
      if (held_ == 0) {
        const ssize_t got = ::read(endpoint_.fd(), bytes_.data(), bytes_.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) return wait();
        if (got <= 0) return endpoint_.close();
        held_ = static_cast<std::size_t>(got);
      }
      const std::size_t taken = port_->receive(std::span(bytes_).first(held_));
      std::copy(bytes_.begin() + static_cast<std::ptrdiff_t>(taken),
                bytes_.begin() + static_cast<std::ptrdiff_t>(held_), bytes_.begin());
      held_ -= taken;
      if (held_ != 0) return;  // Until ready().
    }
  }

  void wait() {
    if (waiting_ || !endpoint_.waitable()) return;
    waiting_ = true;
    endpoint_.stream().async_wait(
        Wait::wait_read, [self = shared_from_this()](const boost::system::error_code& error) {
          self->waiting_ = false;
          if (!error) self->pump();
        });
  }

  Endpoint endpoint_;
  EventSource wake_;
  Serial16550* port_ = nullptr;
  std::array<std::byte, Serial16550::kFifoSize> bytes_{};
  std::size_t held_ = 0;  ///< Bytes read but not yet taken by the port.
  bool waiting_ = false;
};

SerialLink::SerialLink(boost::asio::io_context& loop, int input, int output)
    : input_(std::make_shared<Input>(loop, input)),
      output_(std::make_shared<Output>(loop, output)) {}

SerialLink::~SerialLink() {
  input_->close();
  output_->close();
}

void SerialLink::start(Serial16550& port) { input_->start(port); }
std::uint64_t SerialLink::dropped() const { return output_->dropped(); }
bool SerialLink::flush(std::chrono::milliseconds limit) { return !output_->flush(limit); }
void SerialLink::transmit(std::byte byte) { output_->transmit(byte); }
void SerialLink::receiver_ready() { input_->ready(); }

}  // namespace hive::device
