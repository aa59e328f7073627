#include "cellmon/recover/message.h"

#include <bit>
#include <cstring>

namespace hive::recover {
namespace {

/// As on the wire, which has the byte order of the processors that Hive is for.
struct Layout {
  std::uint32_t magic = kMagic;
  std::uint16_t version = kVersion;
  Kind kind{};
  CellId from{};
  std::uint64_t epoch = 0;
  agree::Life life = 0;
  Incarnation incarnation = 0;
  Phase phase{};
  std::array<std::uint8_t, 3> zeros{};
};
static_assert(sizeof(Layout) == kMessageSize && std::endian::native == std::endian::little);
static_assert(offsetof(Layout, kind) == 6 && offsetof(Layout, epoch) == 8);
static_assert(offsetof(Layout, incarnation) == 24 && offsetof(Layout, zeros) == 29);

bool is_sound(const Message& message) {
  if (!agree::is_cell(message.from) || message.epoch == 0) return false;
  const bool has_phase = message.phase != Phase::kNone;
  const bool has_incarnation = message.incarnation != 0;
  switch (message.kind) {
    case Kind::kReport:
    case Kind::kGo:
      return has_phase && !has_incarnation && message.life != 0;
    case Kind::kReboot:
      return has_incarnation && !has_phase && message.life != 0;
    case Kind::kReturning:
      return has_incarnation && !has_phase;
  }
  return false;
}

}  // namespace

Wire encode(const Message& message) {
  const Layout layout{.kind = message.kind,
                      .from = message.from,
                      .epoch = message.epoch,
                      .life = message.life,
                      .incarnation = message.incarnation,
                      .phase = message.phase};
  Wire wire{};
  std::memcpy(wire.data(), &layout, wire.size());
  return wire;
}

std::optional<Message> decode(std::span<const std::uint8_t> bytes) {
  Layout layout;
  if (bytes.size() != sizeof layout) return std::nullopt;
  std::memcpy(&layout, bytes.data(), sizeof layout);
  if (layout.magic != kMagic || layout.version != kVersion) return std::nullopt;
  if (layout.phase > Phase::kResumed || layout.zeros != Layout().zeros) return std::nullopt;
  const Message message{layout.kind, layout.from,        layout.epoch,
                        layout.life, layout.incarnation, layout.phase};
  if (!is_sound(message)) return std::nullopt;
  return message;
}

}  // namespace hive::recover
