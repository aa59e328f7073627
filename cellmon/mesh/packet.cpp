#include "cellmon/mesh/packet.h"

#include <cstring>

namespace hive::mesh {
namespace {

template <typename Struct>
std::optional<Packet> copy(std::string_view bytes) {
  if (bytes.size() != sizeof(Struct)) return std::nullopt;
  Struct packet;
  std::memcpy(&packet, bytes.data(), sizeof packet);
  return packet;
}

}  // namespace

std::optional<Packet> parse_packet(std::string_view bytes) {
  Kind kind{};
  if (bytes.size() < sizeof kind) return std::nullopt;
  std::memcpy(&kind, bytes.data(), sizeof kind);
  switch (kind) {
    case Kind::kHello:
      return copy<Hello>(bytes);
    case Kind::kAdmit:
      return copy<Admit>(bytes);
    case Kind::kLeave:
      return copy<Leave>(bytes);
    case Kind::kRequest:
      return copy<Request>(bytes);
    case Kind::kReply:
      return copy<Reply>(bytes);
    case Kind::kUp:
      return copy<Up>(bytes);
    case Kind::kRings:
      return copy<Rings>(bytes);
  }
  return std::nullopt;
}

}  // namespace hive::mesh
