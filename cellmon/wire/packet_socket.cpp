#include "cellmon/wire/packet_socket.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <span>
#include <utility>

#include "cellmon/wire/local_socket.h"
#include "vmm/base/watch.h"

namespace hive::wire {
namespace {

using boost::asio::posix::stream_descriptor;
using boost::system::error_code;

}  // namespace

class PacketSocket::Core : public std::enable_shared_from_this<PacketSocket::Core> {
 public:
  Core(boost::asio::io_context& loop, UniqueFd fd, std::size_t max_packet, Handlers handlers)
      : fd_(watch(loop, std::move(fd))), buffer_(max_packet), handlers_(std::move(handlers)) {}

  void await_packet() {
    if (std::exchange(waits_, true)) return;
    fd_.async_wait(stream_descriptor::wait_read,
                   [self = shared_from_this()](const error_code& error) {
                     self->waits_ = false;
                     if (!error && !self->held_ && self->read_packet()) self->go_on();
                   });
  }

  void hold() { held_ = true; }

  void resume() {
    held_ = false;
    go_on();
  }

  bool send(std::string_view packet, std::span<const int> files) {
    return !stopped_ &&
           send_with_files(fd_.native_handle(), std::as_bytes(std::span(packet)), files) == 0;
  }

  [[nodiscard]] bool is_half_full() {
    int unread = 0;
    int room = 0;
    socklen_t size = sizeof room;
    return ::ioctl(fd_.native_handle(), SIOCOUTQ, &unread) == 0 &&
           ::getsockopt(fd_.native_handle(), SOL_SOCKET, SO_SNDBUF, &room, &size) == 0 &&
           unread >= room / 2;
  }

  /// Handles one packet. False when no more can come; while draining, when none is there.
  bool read_packet() {
    if (stopped_) return false;
    ReceivedPacket packet =
        receive_with_files(fd_.native_handle(), std::as_writable_bytes(std::span(buffer_)));
    if (packet.size < 0 && (errno == EAGAIN || errno == EINTR)) return !draining_;
    if (packet.size < 0 || (packet.size == 0 && is_at_end())) return end();
    if (!packet.whole) {
      handlers_.on_overlong();
    } else {
      handlers_.on_packet({buffer_.data(), static_cast<std::size_t>(packet.size)},
                          std::move(packet.files));
    }
    return !stopped_;
  }

  void drain() {
    draining_ = true;
    for (int packets = 0; packets < kMaxDrained && read_packet(); ++packets) {
    }
    draining_ = false;
  }

  [[nodiscard]] UniqueFd open_peer_process() {
    return stopped_ ? UniqueFd() : wire::open_peer_process(fd_.native_handle());
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

  void go_on() {
    if (!held_ && !ended_ && !stopped_) await_packet();
  }

  /// The other end may still read: the descriptor stays open.
  bool end() {
    if (!std::exchange(ended_, true)) handlers_.on_closed();
    return false;
  }

  static constexpr int kMaxDrained = 1000;

  stream_descriptor fd_;
  std::vector<char> buffer_;
  Handlers handlers_;
  bool waits_ = false;
  bool held_ = false;
  bool draining_ = false;
  bool ended_ = false;
  bool stopped_ = false;
};

PacketSocket::PacketSocket(boost::asio::io_context& loop, UniqueFd fd, std::size_t max_packet,
                           Handlers handlers)
    : core_(std::make_shared<Core>(loop, std::move(fd), max_packet, std::move(handlers))) {
  core_->await_packet();
}

PacketSocket::~PacketSocket() { core_->stop(); }

bool PacketSocket::send(std::string_view packet, std::span<const int> files) {
  return core_->send(packet, files);
}

bool PacketSocket::is_half_full() const { return core_->is_half_full(); }

void PacketSocket::hold() { core_->hold(); }

void PacketSocket::resume() { core_->resume(); }

void PacketSocket::drain() {
  const std::shared_ptr<Core> core = core_;  // A handler may destroy this socket.
  core->drain();
}

UniqueFd PacketSocket::open_peer_process() const { return core_->open_peer_process(); }

}  // namespace hive::wire
