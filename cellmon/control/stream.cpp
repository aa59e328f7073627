#include "cellmon/control/stream.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <string>
#include <utility>

#include "vmm/base/watch.h"

namespace hive::control {

using boost::asio::posix::stream_descriptor;
using boost::system::error_code;

class Stream::Core : public std::enable_shared_from_this<Stream::Core> {
 public:
  Core(boost::asio::io_context& loop, UniqueFd fd, std::size_t max_queue, Handlers handlers)
      : fd_(watch(loop, std::move(fd))), max_queue_(max_queue), handlers_(std::move(handlers)) {
    const int flags = ::fcntl(fd_.native_handle(), F_GETFL);
    ::fcntl(fd_.native_handle(), F_SETFL, flags | O_NONBLOCK);
  }

  void await_data() {
    fd_.async_wait(stream_descriptor::wait_read,
                   [self = shared_from_this()](const error_code& error) {
                     if (!error) self->read_some();
                   });
  }

  bool write(std::string_view bytes) {
    if (stopped_) return true;  // It goes where the other end went.
    if (queue_.size() + bytes.size() > max_queue_) return false;
    const bool was_empty = queue_.empty();
    queue_.append(bytes);
    if (was_empty) {
      flush();
      if (!queue_.empty()) await_room();
    }
    return true;
  }

  [[nodiscard]] bool has_queue() const { return !queue_.empty(); }

  void drain() {
    // A socket's or a pipe's buffer is smaller than this many reads: it ends for whoever writes on.
    constexpr int kMaxReads = 64;
    std::array<char, 16 * 1024> buffer;
    for (int reads = 0; reads < kMaxReads && !stopped_; ++reads) {
      const ssize_t count = ::read(fd_.native_handle(), buffer.data(), buffer.size());
      if (count <= 0) return;
      handlers_.on_data({buffer.data(), static_cast<std::size_t>(count)});
    }
  }

  /// No handler is called after this.
  void stop() {
    stopped_ = true;
    queue_.clear();
    error_code ignored;
    fd_.close(ignored);
  }

 private:
  void read_some() {
    if (stopped_) return;
    std::array<char, 16 * 1024> buffer;
    const ssize_t count = ::read(fd_.native_handle(), buffer.data(), buffer.size());
    if (count > 0) {
      handlers_.on_data({buffer.data(), static_cast<std::size_t>(count)});
    } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
      return end();
    }
    if (!stopped_) await_data();
  }

  void await_room() {
    fd_.async_wait(stream_descriptor::wait_write,
                   [self = shared_from_this()](const error_code& error) {
                     if (!error) self->write_more();
                   });
  }

  void write_more() {
    if (stopped_) return;
    flush();
    if (!queue_.empty()) return await_room();
    handlers_.on_drained();
  }

  /// Writes what the descriptor takes now. After an error the queue is dropped, and the end comes
  /// by way of the loop.
  void flush() {
    const ssize_t count =
        ::send(fd_.native_handle(), queue_.data(), queue_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) {
      queue_.erase(0, static_cast<std::size_t>(count));
    } else if (errno != EAGAIN && errno != EINTR) {
      queue_.clear();
      boost::asio::post(fd_.get_executor(), [self = shared_from_this()] { self->end(); });
    }
  }

  void end() {
    if (stopped_) return;
    stop();
    handlers_.on_closed();
  }

  stream_descriptor fd_;
  std::size_t max_queue_;
  Handlers handlers_;
  std::string queue_;
  bool stopped_ = false;
};

Stream::Stream(boost::asio::io_context& loop, UniqueFd fd, std::size_t max_queue, Handlers handlers)
    : core_(std::make_shared<Core>(loop, std::move(fd), max_queue, std::move(handlers))) {
  core_->await_data();
}

Stream::~Stream() { core_->stop(); }

bool Stream::write(std::string_view bytes) { return core_->write(bytes); }

void Stream::drain() {
  const std::shared_ptr<Core> core = core_;  // A handler may destroy this stream.
  core->drain();
}

bool Stream::has_queue() const { return core_->has_queue(); }

}  // namespace hive::control
