#include "vmm/device/legacy/pvpanic.h"

#include <algorithm>

namespace hive::device {

void PvPanic::read(std::uint64_t /*offset*/, std::span<std::byte> data) {
  std::fill(data.begin(), data.end(), std::byte{kPanicked | kCrashLoaded});
}

void PvPanic::write(std::uint64_t /*offset*/, std::span<const std::byte> data) {
  for (const std::byte byte : data) {
    const auto events = std::to_integer<unsigned>(byte);
    if ((events & kPanicked) != 0) on_event_(kPanicked);
    if ((events & kCrashLoaded) != 0) on_event_(kCrashLoaded);
  }
}

}  // namespace hive::device
