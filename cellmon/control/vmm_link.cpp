#include "cellmon/control/vmm_link.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <string_view>
#include <utility>

#include "cellmon/control/descriptor.h"

namespace hive::control {

using boost::asio::posix::stream_descriptor;
using boost::system::error_code;

class VmmLink::Core : public std::enable_shared_from_this<VmmLink::Core> {
 public:
  Core(boost::asio::io_context& loop, UniqueFd fd, Handlers handlers)
      : fd_(watch(loop, std::move(fd))), handlers_(std::move(handlers)) {}

  void await_packet() {
    fd_.async_wait(stream_descriptor::wait_read,
                   [self = shared_from_this()](const error_code& error) {
                     if (!error && self->read_packet()) self->await_packet();
                   });
  }

  void send(const std::string& packet) {
    (void)::send(fd_.native_handle(), packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }

  /// Handles one packet. False when no more can come; while draining, when none is there.
  bool read_packet() {
    std::array<char, cell::kMaxMessage> buffer;
    if (stopped_) return false;
    const ssize_t count =
        ::recv(fd_.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return !draining_;
    // What follows from the end, the VMM's exit tells.
    if (count < 0 || (count == 0 && is_at_end())) return false;
    const auto size = static_cast<std::size_t>(count);
    const auto report = size > buffer.size()
                            ? std::nullopt
                            : cell::parse_report(std::string_view(buffer.data(), size));
    if (report) {
      handlers_.on_report(*report);
    } else {
      handlers_.on_malformed();
    }
    return !stopped_;
  }

  void drain() {
    draining_ = true;
    for (int packets = 0; packets < kMaxDrained && read_packet(); ++packets) {
    }
    draining_ = false;
  }

  void stop() {
    stopped_ = true;
    error_code ignored;
    fd_.close(ignored);
  }

 private:
  /// Whether reading 0 bytes meant the end and not an empty packet: the other end sends no more,
  /// and no packet waits but for empty ones.
  bool is_at_end() {
    pollfd entry{fd_.native_handle(), POLLRDHUP, 0};
    if (::poll(&entry, 1, 0) < 0 || (entry.revents & (POLLRDHUP | POLLHUP)) == 0) return false;
    int waiting = 0;
    return ::ioctl(fd_.native_handle(), FIONREAD, &waiting) != 0 || waiting == 0;
  }

  static constexpr int kMaxDrained = 1000;

  stream_descriptor fd_;
  Handlers handlers_;
  bool draining_ = false;
  bool stopped_ = false;
};

VmmLink::VmmLink(boost::asio::io_context& loop, UniqueFd fd, Handlers handlers)
    : core_(std::make_shared<Core>(loop, std::move(fd), std::move(handlers))) {
  core_->await_packet();
}

VmmLink::~VmmLink() { core_->stop(); }

void VmmLink::send(const std::string& packet) { core_->send(packet); }

void VmmLink::drain() { core_->drain(); }

}  // namespace hive::control
