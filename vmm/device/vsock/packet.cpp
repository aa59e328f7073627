#include "vmm/device/vsock/packet.h"

namespace hive::device::vsock {

bool is_length_right(const Header& header, std::uint64_t length) {
  return header.length == length && length <= kMaxPayload &&
         (length == 0 || header.op == Op::kPayload);
}

Header reply_to(const Header& packet, Op op) {
  Header reply;
  reply.source_cid = packet.target_cid;
  reply.target_cid = packet.source_cid;
  reply.source_port = packet.target_port;
  reply.target_port = packet.source_port;
  reply.type = packet.type;
  reply.op = op;
  return reply;
}

std::optional<Header> reset_for(const Header& packet) {
  if (packet.op == Op::kReset) return std::nullopt;
  return reply_to(packet, Op::kReset);
}

}  // namespace hive::device::vsock
