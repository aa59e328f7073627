#include "vmm/cell/policy_protocol.h"

#include <cstring>

namespace hive::cell {
namespace {

/// BYTES as a Packet, where they are as many and say that they are one.
template <typename Packet>
std::optional<PolicyPacket> as(std::span<const std::byte> bytes) {
  Packet packet;
  const PolicyMessage wanted = packet.message;
  if (bytes.size() != sizeof packet) return std::nullopt;
  std::memcpy(&packet, bytes.data(), sizeof packet);
  if (packet.message != wanted || packet.reserved != 0) return std::nullopt;
  return packet;
}

}  // namespace

std::optional<PolicyPacket> parse_policy_packet(std::span<const std::byte> bytes) {
  auto packet = as<PolicyHint>(bytes);
  return packet ? packet : as<PolicyBeat>(bytes);
}

}  // namespace hive::cell
