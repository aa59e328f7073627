// Where a guest's kernel is made to spin.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "vmm/kvm/uapi.h"

namespace hive::cell {

/// A jump to itself (Intel SDM vol. 2A, JMP rel8).
inline constexpr std::uint16_t kSpin = 0xfeeb;

/// Where in CODE, a page of instructions, the two bytes of kSpin fit in what compilers leave
/// between functions: after a RET, or in a long row of INT3. Nothing where no such place is.
std::optional<std::size_t> find_padding(std::span<const std::byte> code);

/// The segment registers of a kernel whose code has SELECTOR in a gate, as an interrupt from a
/// program would have set them (Intel SDM vol. 3A, 6.14.2): long mode alone.
void enter_kernel(kvm_sregs& sregs, std::uint16_t selector);

/// The handler that GATE, 16 bytes of a 64-bit IDT (Intel SDM vol. 3A, 6.14.1), is for.
struct Handler {
  std::uint64_t address = 0;
  std::uint16_t selector = 0;
};
/// Nothing where the gate is not present.
std::optional<Handler> decode_gate(std::span<const std::byte, 16> gate);

}  // namespace hive::cell
