// What a VMM is asked to do to one of its guest's devices.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "vmm/device/virtio/block_faults.h"

namespace hive::cell {

struct DeviceFault {
  std::string device;      ///< Its name in the cell, such as "disk0": up to kMaxDeviceName bytes.
  unsigned share = 100;    ///< Percent of what comes by: 1 to 100.
  std::uint64_t seed = 0;  ///< Of what is drawn.
  device::DiskOperations of = device::DiskOperations::kAll;
  std::chrono::milliseconds delay{0};  ///< Of delays: from 1 ms to kLongestDelay.
  bool reports_done = false;           ///< Of torn writes: they are told as done.

  friend bool operator==(const DeviceFault&, const DeviceFault&) = default;
};

/// In the place of a device's name, where a fault is about each virtio device.
inline constexpr std::string_view kAllDevices = "all";
inline constexpr std::size_t kMaxDeviceName = 16;
inline constexpr std::chrono::milliseconds kLongestDelay = std::chrono::hours(24);

/// From the members "device", "share", "seed", "of", "by_ms" and "report" of OBJECT, of which only
/// the first is needed. Nothing when one is not well-formed.
std::optional<DeviceFault> parse_device_fault(const nlohmann::json& object);
/// Adds these members to OBJECT.
void add_to(nlohmann::json& object, const DeviceFault& fault);

/// What a disk is called that is number INDEX of its cell, from 0 on. Its guest reads it as the
/// disk's serial number.
std::string name_of_disk(std::size_t index);

}  // namespace hive::cell
