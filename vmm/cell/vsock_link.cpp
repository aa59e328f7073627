#include "vmm/cell/vsock_link.h"

#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "vmm/base/descriptors.h"
#include "vmm/base/watch.h"

namespace hive::cell {
namespace {

using boost::asio::posix::stream_descriptor;

constexpr std::size_t kMaxPacket = std::max(
    {sizeof(VsockPeerState), sizeof(VsockHostReply), sizeof(VsockHostCall), sizeof(VsockFaults)});
/// What came with a packet. All of it is closed when it is not taken.
struct Arrived {
  std::span<const std::byte> bytes;
  std::vector<UniqueFd> files;
};

/// BYTES as a Message, where they are as many.
template <typename Message>
std::optional<Message> as(std::span<const std::byte> bytes) {
  if (bytes.size() != sizeof(Message)) return std::nullopt;
  Message message;
  std::memcpy(&message, bytes.data(), sizeof message);
  return message;
}

bool is_stream_socket(const UniqueFd& file) {
  int type = 0;
  socklen_t length = sizeof type;
  return ::getsockopt(file.get(), SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_STREAM;
}

}  // namespace

class VsockLink::Core : public std::enable_shared_from_this<VsockLink::Core> {
 public:
  Core(boost::asio::io_context& loop, UniqueFd socket, Handlers handlers)
      : socket_(watch(loop, std::move(socket))), handlers_(std::move(handlers)) {}

  void await_packet() {
    socket_->async_wait(stream_descriptor::wait_read,
                        [self = shared_from_this()](const boost::system::error_code& error) {
                          if (!error && self->socket_ && self->receive()) self->await_packet();
                        });
  }

  void stop() { socket_.reset(); }

  template <typename Message>
  [[nodiscard]] bool send(const Message& message) {
    return socket_ && ::send(socket_->native_handle(), &message, sizeof message,
                             MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
  }

 private:
  /// Takes one packet. False when no more can come.
  bool receive() {
    std::array<std::byte, kMaxPacket + 1> bytes;
    ReceivedPacket packet = receive_with_files(socket_->native_handle(), bytes);
    const ssize_t size = packet.size;
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (size <= 0) {
      spdlog::warn("vsock: the monitor's socket was closed; calls to the host are refused");
      socket_.reset();
      return false;
    }
    Arrived arrived{std::span(bytes).first(static_cast<std::size_t>(size)),
                    std::move(packet.files)};
    if ((!packet.whole || !handle(arrived)) && lost_++ < kMaxLogged) {
      spdlog::warn("vsock: a packet of {} bytes from the monitor breaks the protocol", size);
    }
    return socket_.has_value();
  }

  bool handle(Arrived& arrived) {
    VsockMessage kind{};
    if (arrived.bytes.size() < sizeof kind) return false;
    std::memcpy(&kind, arrived.bytes.data(), sizeof kind);
    if (kind == VsockMessage::kHostReply) return handle_reply(arrived);
    if (kind == VsockMessage::kHostCall) return handle_call(arrived);
    if (!arrived.files.empty()) return false;
    if (const auto state = as<VsockPeerState>(arrived.bytes)) {
      if (kind == VsockMessage::kPeerUp) {
        handlers_.peer_up(state->cell, state->incarnation);
      } else if (kind == VsockMessage::kPeerDown) {
        handlers_.peer_down(state->cell, state->incarnation);
      } else {
        return false;
      }
      return true;
    }
    if (const auto faults = as<VsockFaults>(arrived.bytes);
        faults && kind == VsockMessage::kFaults) {
      handlers_.faults(faults->cell, faults->faults);
      return true;
    }
    if (const auto ask = as<VsockAskCounters>(arrived.bytes);
        ask && kind == VsockMessage::kAskCounters) {
      tell_counts(ask->tag);
      return true;
    }
    return false;
  }

  /// A monitor that does not read gets an incomplete answer, and knows.
  void tell_counts(std::uint32_t tag) {
    for (VsockCount& count : handlers_.counts()) {
      count.tag = tag;
      if (!send(count)) return;
    }
    (void)send(VsockGuestCount{VsockMessage::kGuestCounters, tag, handlers_.guest_counts()});
  }

  bool handle_reply(Arrived& arrived) {
    const auto reply = as<VsockHostReply>(arrived.bytes);
    if (!reply || arrived.files.size() != (reply->error == 0 ? 1 : 0)) return false;
    if (reply->error != 0) {
      handlers_.host_answer(reply->request, UniqueFd());
      return true;
    }
    if (!is_stream_socket(arrived.files[0])) {
      handlers_.host_answer(reply->request, UniqueFd());
      return false;
    }
    handlers_.host_answer(reply->request, std::move(arrived.files[0]));
    return true;
  }

  bool handle_call(Arrived& arrived) {
    const auto call = as<VsockHostCall>(arrived.bytes);
    if (!call || arrived.files.size() != 1 || !is_stream_socket(arrived.files[0])) return false;
    handlers_.host_call(call->port, std::move(arrived.files[0]));
    return true;
  }

  static constexpr unsigned kMaxLogged = 10;

  std::optional<stream_descriptor> socket_;  ///< None: gone.
  Handlers handlers_;
  unsigned lost_ = 0;
};

VsockLink::VsockLink(boost::asio::io_context& loop, UniqueFd socket, Handlers handlers) {
  if (!socket) return;
  core_ = std::make_shared<Core>(loop, std::move(socket), std::move(handlers));
  core_->await_packet();
}

VsockLink::~VsockLink() {
  if (core_) core_->stop();
}

bool VsockLink::ask_host(std::uint32_t request, std::uint32_t port) {
  VsockHostOpen open;
  open.request = request;
  open.port = port;
  return core_ && core_->send(open);
}

}  // namespace hive::cell
