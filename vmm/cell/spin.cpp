#include "vmm/cell/spin.h"

#include <array>
#include <cstring>

namespace hive::cell {
namespace {

constexpr std::byte kReturn{0xc3}, kTrap{0xcc};

}  // namespace

std::optional<std::size_t> find_padding(std::span<const std::byte> code) {
  // Shorter rows may be a constant in an instruction.
  constexpr std::size_t kLongRow = 8;
  std::size_t row = 0;  // INT3s up to here.
  for (std::size_t at = 0; at < code.size(); ++at) {
    row = code[at] == kTrap ? row + 1 : 0;
    if (row < 3) continue;
    const bool after_return = at > row - 1 && code[at - row] == kReturn;
    if (after_return || row >= kLongRow) return at - 1;
  }
  return std::nullopt;
}

void enter_kernel(kvm_sregs& sregs, std::uint16_t selector) {
  sregs.cs = {};
  sregs.cs.limit = 0xffffffff;
  sregs.cs.selector = selector;
  sregs.cs.type = 11;  // Code, readable, accessed.
  sregs.cs.present = sregs.cs.s = sregs.cs.l = sregs.cs.g = 1;
  sregs.ss = {};
  sregs.ss.limit = 0xffffffff;
  sregs.ss.type = 3;  // Data, writable, accessed.
  sregs.ss.present = sregs.ss.s = sregs.ss.db = sregs.ss.g = 1;
}

std::optional<Handler> decode_gate(std::span<const std::byte, 16> gate) {
  std::array<std::uint64_t, 2> words{};
  std::memcpy(words.data(), gate.data(), sizeof(words));
  constexpr unsigned kPresent = 47;
  if ((words[0] >> kPresent & 1) == 0) return std::nullopt;
  const std::uint64_t low = words[0] & 0xffff;
  const std::uint64_t middle = words[0] >> 48;
  return Handler{(words[1] & 0xffffffff) << 32 | middle << 16 | low,
                 static_cast<std::uint16_t>(words[0] >> 16)};
}

}  // namespace hive::cell
