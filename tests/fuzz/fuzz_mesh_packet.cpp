// What another monitor may send over the link: what is taken as a packet is exactly the bytes that
// came, and what is said in it lies within them.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <variant>

#include "cellmon/mesh/packet.h"

namespace {

using namespace hive::mesh;

void check(bool holds) {
  if (!holds) std::abort();
}

void look_into(const Agree& packet, std::string_view bytes) {
  const std::string_view message = packet.message();
  check(!message.empty() && message.size() <= Agree::kMaxBytes);
  check(message == bytes.substr(bytes.size() - message.size()));
  check(as_bytes(Agree::of(message)) == bytes);
}

void look_into(const Findings& packet, std::string_view /*bytes*/) {
  check(packet.reserved == Findings().reserved);
}

void look_into(const Loan& packet, std::string_view /*bytes*/) { check(packet.reserved == 0); }

void look_into(const Hint& packet, std::string_view /*bytes*/) { check(packet.reserved == 0); }

void look_into(const Move& packet, std::string_view /*bytes*/) {
  check(packet.reserved == 0 && packet.word.number != 0 && packet.word.name.back() == '\0');
  check(packet.word.step >= MoveStep::kOffer && packet.word.step <= MoveStep::kOver);
}

template <typename Struct>
void look_into(const Struct& /*packet*/, std::string_view /*bytes*/) {}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A copy of exactly this size, so that whoever reads past it is found out.
  const auto copy = std::make_unique<char[]>(size);
  if (size > 0) std::memcpy(copy.get(), data, size);
  const std::string_view bytes(copy.get(), size);
  const std::optional<Packet> packet = parse_packet(bytes);
  if (!packet) return 0;
  std::visit(
      [bytes](const auto& sound) {
        check(as_bytes(sound) == bytes);
        check(std::memcmp(&sound.kind, bytes.data(), sizeof sound.kind) == 0);
        look_into(sound, bytes);
      },
      *packet);
  return 0;
}
