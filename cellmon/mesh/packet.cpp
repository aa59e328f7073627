#include "cellmon/mesh/packet.h"

#include <algorithm>
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

std::optional<Packet> copy_agree(std::string_view bytes) {
  constexpr std::size_t kHead = offsetof(Agree, bytes);
  if (bytes.size() <= kHead || bytes.size() > sizeof(Agree)) return std::nullopt;
  Agree packet{};
  std::memcpy(static_cast<void*>(&packet), bytes.data(), bytes.size());
  if (packet.size != bytes.size() - kHead) return std::nullopt;
  return packet;
}

/// A Struct whose `reserved` is 0.
template <typename Struct>
std::optional<Packet> copy_plain(std::string_view bytes) {
  const auto packet = copy<Struct>(bytes);
  const bool sound = packet && std::get<Struct>(*packet).reserved == 0;
  return sound ? packet : std::nullopt;
}

/// A Move of a step and for a reason that there are, whose name ends.
std::optional<Packet> copy_move(std::string_view bytes) {
  const auto packet = copy_plain<Move>(bytes);
  if (!packet) return std::nullopt;
  const MoveWord& word = std::get<Move>(*packet).word;
  const auto step = static_cast<std::uint32_t>(word.step);
  const bool sound = step >= static_cast<std::uint32_t>(MoveStep::kOffer) &&
                     step <= static_cast<std::uint32_t>(MoveStep::kOver) &&
                     static_cast<std::uint32_t>(word.fault) <= kLastMoveFault && word.number != 0 &&
                     word.name.back() == '\0';
  return sound ? packet : std::nullopt;
}

std::optional<Packet> copy_findings(std::string_view bytes) {
  const auto packet = copy<Findings>(bytes);
  const bool sound = packet && std::get<Findings>(*packet).reserved == Findings().reserved;
  return sound ? packet : std::nullopt;
}

}  // namespace

Agree Agree::of(std::string_view bytes) {
  Agree packet{};
  packet.size = static_cast<std::uint32_t>(std::min(bytes.size(), kMaxBytes));
  std::memcpy(packet.bytes.data(), bytes.data(), packet.size);
  return packet;
}

std::string_view as_bytes(const Agree& packet) {
  return {reinterpret_cast<const char*>(&packet), offsetof(Agree, bytes) + packet.size};
}

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
    case Kind::kUndo:
      return copy<Undo>(bytes);
    case Kind::kUp:
      return copy<Up>(bytes);
    case Kind::kRings:
      return copy<Rings>(bytes);
    case Kind::kAgree:
      return copy_agree(bytes);
    case Kind::kProbe:
      return copy<Probe>(bytes);
    case Kind::kFindings:
      return copy_findings(bytes);
    case Kind::kRecover:
      return copy<Recover>(bytes);
    case Kind::kDown:
      return copy<Down>(bytes);
    case Kind::kStopMachine:
      return copy<StopMachine>(bytes);
    case Kind::kKeptRing:
      return copy<KeptRing>(bytes);
    case Kind::kLoan:
      return copy_plain<Loan>(bytes);
    case Kind::kHint:
      return copy_plain<Hint>(bytes);
    case Kind::kMove:
      return copy_move(bytes);
  }
  return std::nullopt;
}

}  // namespace hive::mesh
