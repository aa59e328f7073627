// Whether a processor is in long mode.
#pragma once

#include <cstdint>

#include "vmm/kvm/uapi.h"

namespace hive::kvm {

/// By EFER.LMA (Intel SDM 3, 2.2.1).
inline bool is_in_long_mode(const kvm_sregs& sregs) {
  constexpr std::uint64_t kLongModeActive = 1U << 10;
  return (sregs.efer & kLongModeActive) != 0;
}

}  // namespace hive::kvm
