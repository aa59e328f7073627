// Where a virtio PCI device's registers are within its BAR.
#pragma once

#include <cstdint>

namespace hive::device::pci_layout {

inline constexpr unsigned kBar = 0;
inline constexpr std::uint32_t kBarSize = 0x8000;

/// Each structure has a page of its own; what it does not fill reads as 0.
inline constexpr std::uint32_t kRegionSize = 0x1000;
enum Region : std::uint32_t {
  kCommonConfig = 0x0000,
  kIsr = 0x1000,
  kDeviceConfig = 0x2000,
  kNotify = 0x3000,
  kMsixTable = 0x4000,
  kMsixPending = 0x5000,
};

/// Bytes between the doorbells of two queues.
inline constexpr std::uint32_t kNotifyMultiplier = 4;

}  // namespace hive::device::pci_layout
