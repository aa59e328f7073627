// The device by which Wax sees the machine (guests/abi/wax.h).
#pragma once

#include <cstdint>

#include "guests/abi/wax.h"

namespace hive::wax {

struct Device {
  volatile hive_wax_registers* registers = nullptr;
  const hive_state_page* pages = nullptr;  ///< Others write them.
  std::uint32_t cells = 0;                 ///< At most HIVE_GLOBAL_MAX_CELLS.
  std::uint32_t round_ms = 0;              ///< In the range that the ABI names.
};

/// Finds it on the PCI bus. Null, or what is wrong, for people.
const char* find_device(Device& device);

/// Puts HINT into the mailbox.
void submit(volatile hive_wax_registers& registers, const hive_wax_hint& hint);

}  // namespace hive::wax
