#include "vmm/cell/policy_link.h"

#include <sys/socket.h>

#include <utility>

#include "vmm/cell/policy_protocol.h"

namespace hive::cell {
namespace {

template <typename Packet>
bool send_packet(const UniqueFd& socket, const Packet& packet) {
  return socket && ::send(socket.get(), &packet, sizeof packet, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

}  // namespace

PolicyLink::PolicyLink(UniqueFd socket) : socket_(std::move(socket)) {
  // Room for the hints that may come at once. The host's limit (net.core.wmem_max) is half
  // of what one gets.
  constexpr int kBuffer = 1 << 20;
  if (socket_) (void)::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUF, &kBuffer, sizeof kBuffer);
}

bool PolicyLink::send(const hive_wax_hint& hint) const {
  PolicyHint packet;
  packet.hint = hint;
  return send_packet(socket_, packet);
}

void PolicyLink::tell(std::uint64_t rounds, std::uint64_t dropped) const {
  PolicyBeat packet;
  packet.rounds = rounds;
  packet.dropped = dropped;
  (void)send_packet(socket_, packet);
}

}  // namespace hive::cell
