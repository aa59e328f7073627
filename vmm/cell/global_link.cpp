#include "vmm/cell/global_link.h"

#include <fmt/format.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <cerrno>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "vmm/base/descriptors.h"
#include "vmm/base/error.h"
#include "vmm/base/watch.h"
#include "vmm/cell/global_protocol.h"

namespace hive::cell {
GlobalLink::GlobalLink(boost::asio::io_context& loop, UniqueFd socket, ReplySink on_reply)
    : on_reply_(std::move(on_reply)), packet_(2 * sizeof(hive_global_reply)) {
  if (!socket) return;
  socket_ = watch(loop, std::move(socket));
  receive();
}

void GlobalLink::offer(memory::HomeGuard guard, UniqueFd denials) {
  GuardOffer packet;
  packet.home = guard.home;
  packet.base = guard.base;
  packet.size = guard.size;
  pollfd room{socket_->native_handle(), POLLOUT, 0};
  ::poll(&room, 1, kPatience);
  const std::array files{guard.descriptor.get(), denials.get()};
  const int error = send_with_files(room.fd, std::as_bytes(std::span(&packet, 1)), files);
  if (error == 0) return;
  throw_errno(fmt::format("global memory: cannot give the guard of cell {}'s pages to the monitor",
                          guard.home),
              error, "raise the limit on open files (ulimit -n)");
}

void GlobalLink::forward(const hive_global_request& request) {
  waiting_ = request;
  GuestRequest packet;
  packet.request = request;
  const bool sent = socket_ && ::send(socket_->native_handle(), &packet, sizeof packet,
                                      MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
  if (!sent) answer_gone();
}

void GlobalLink::receive() {
  // One read(2) is one packet. What is longer than the buffer is longer than a reply, too.
  socket_->async_read_some(boost::asio::buffer(packet_),
                           [this](const boost::system::error_code& error, std::size_t size) {
                             if (error == boost::asio::error::operation_aborted)
                               return;  // This object is gone.
                             if (error || size == 0) return lose();
                             take(size);
                             receive();
                           });
}

void GlobalLink::take(std::size_t size) {
  if (size == sizeof(hive_global_reply) && waiting_) {
    hive_global_reply reply;
    std::memcpy(&reply, packet_.data(), sizeof reply);
    waiting_.reset();
    on_reply_(reply);
  } else if (size == sizeof(ClosedHomes) && on_close_) {
    ClosedHomes order;
    std::memcpy(&order, packet_.data(), sizeof order);
    if (order.message == GlobalMessage::kClosedHomes) on_close_(order.homes);
  }
}

template <typename Packet>
void GlobalLink::tell(const Packet& packet) {
  if (!socket_) return;
  (void)!::send(socket_->native_handle(), &packet, sizeof packet, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void GlobalLink::tell_closed(std::uint64_t homes) {
  ClosedHomes done;
  done.homes = homes;
  pollfd room{socket_ ? socket_->native_handle() : -1, POLLOUT, 0};
  ::poll(&room, 1, socket_ ? kPatience : 0);
  tell(done);
}

void GlobalLink::tell_failures(std::uint64_t count) {
  MemoryFailures failures;
  failures.count = count;
  tell(failures);
}

void GlobalLink::lose() {
  spdlog::warn("global memory: the monitor's socket was closed; guests' requests are refused");
  socket_.reset();
  if (waiting_) answer_gone();
}

void GlobalLink::answer_gone() {
  constexpr std::string_view kMessage = "the cell's monitor does not answer";
  static_assert(kMessage.size() < HIVE_GLOBAL_MESSAGE_SIZE);
  hive_global_reply reply{};
  reply.tag = waiting_->tag;
  reply.status = HIVE_GLOBAL_HOME_GONE;
  reply.home = waiting_->home;
  std::copy(kMessage.begin(), kMessage.end(), reply.message);
  waiting_.reset();
  on_reply_(reply);
}

}  // namespace hive::cell
