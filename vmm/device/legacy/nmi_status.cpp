#include "vmm/device/legacy/nmi_status.h"

#include <algorithm>

namespace hive::device {

void NmiStatus::read(std::uint64_t /*offset*/, std::span<std::byte> data) {
  constexpr std::byte kTimerEnded{0x20};
  std::fill(data.begin(), data.end(), kTimerEnded);
}

void NmiStatus::write(std::uint64_t /*offset*/, std::span<const std::byte> /*data*/) {}

}  // namespace hive::device
