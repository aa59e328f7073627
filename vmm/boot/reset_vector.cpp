#include "vmm/boot/reset_vector.h"

#include <array>
#include <cstdint>

#include "vmm/boot/boot_data.h"
#include "vmm/memory/layout.h"

namespace hive::boot {

void write_reset_vector(const memory::GuestMemory& memory) {
  constexpr auto kPort = static_cast<std::uint16_t>(memory::layout::kResetPort);
  constexpr std::array<std::uint8_t, 9> kCode{
      0xba,       kPort & 0xff,
      kPort >> 8,                               // mov dx, kResetPort
      0xb0,       memory::layout::kResetValue,  // mov al, kResetValue
      0xee,                                     // out dx, al
      0xf4,                                     // hlt
      0xeb,       0xfd,                         // jmp to the hlt
  };
  static_assert(kCode.size() <= memory::layout::kResetVector.size);
  put(memory, memory::layout::kResetVector.start, kCode);
}

}  // namespace hive::boot
