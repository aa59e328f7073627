#include "cellmon/recover/message.h"

#include <algorithm>

namespace hive::recover {
namespace {

constexpr std::size_t kVersionAt = 4;
constexpr std::size_t kKindAt = 6;
constexpr std::size_t kFromAt = 7;
constexpr std::size_t kEpochAt = 8;
constexpr std::size_t kLifeAt = 16;
constexpr std::size_t kIncarnationAt = 24;
constexpr std::size_t kPhaseAt = 28;

template <typename Word>
void put(Wire& wire, std::size_t at, Word word) {
  for (std::size_t byte = 0; byte < sizeof word; ++byte) {
    wire[at + byte] = static_cast<std::uint8_t>(word >> (8 * byte));
  }
}

template <typename Word>
Word get(const Wire& wire, std::size_t at) {
  Word word = 0;
  for (std::size_t byte = 0; byte < sizeof word; ++byte) {
    word = static_cast<Word>(word | static_cast<Word>(Word{wire[at + byte]} << (8 * byte)));
  }
  return word;
}

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
  Wire wire{};
  put(wire, 0, kMagic);
  put(wire, kVersionAt, kVersion);
  put(wire, kKindAt, static_cast<std::uint8_t>(message.kind));
  put(wire, kFromAt, static_cast<std::uint8_t>(message.from));
  put(wire, kEpochAt, message.epoch);
  put(wire, kLifeAt, message.life);
  put(wire, kIncarnationAt, message.incarnation);
  put(wire, kPhaseAt, static_cast<std::uint8_t>(message.phase));
  return wire;
}

std::optional<Message> decode(std::span<const std::uint8_t> bytes) {
  Wire wire{};
  if (bytes.size() != wire.size()) return std::nullopt;
  std::copy(bytes.begin(), bytes.end(), wire.begin());
  if (get<std::uint32_t>(wire, 0) != kMagic) return std::nullopt;
  if (get<std::uint16_t>(wire, kVersionAt) != kVersion) return std::nullopt;
  if (wire[kPhaseAt] > static_cast<std::uint8_t>(Phase::kResumed)) return std::nullopt;
  if (std::any_of(wire.begin() + kPhaseAt + 1, wire.end(), [](auto byte) { return byte != 0; })) {
    return std::nullopt;
  }
  Message message;
  message.kind = static_cast<Kind>(wire[kKindAt]);
  message.from = CellId{wire[kFromAt]};
  message.epoch = get<std::uint64_t>(wire, kEpochAt);
  message.life = get<agree::Life>(wire, kLifeAt);
  message.incarnation = get<Incarnation>(wire, kIncarnationAt);
  message.phase = static_cast<Phase>(wire[kPhaseAt]);
  if (!is_sound(message)) return std::nullopt;
  return message;
}

}  // namespace hive::recover
