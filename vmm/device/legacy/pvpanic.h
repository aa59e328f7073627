// How a guest kernel tells that it has panicked.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "vmm/device/bus_device.h"

namespace hive::device {

/// QEMU's pvpanic interface (docs/specs/pvpanic): one port; reads say which events it takes.
/// Attach at one port. Thread-safe.
class PvPanic : public BusDevice {
 public:
  enum Event : std::uint8_t {
    kPanicked = 1,     ///< The kernel has panicked.
    kCrashLoaded = 2,  ///< It has panicked and its crash kernel takes over.
  };
  /// Called on vCPU threads.
  using OnEvent = std::function<void(Event)>;

  explicit PvPanic(OnEvent on_event) : on_event_(std::move(on_event)) {}

  void read(std::uint64_t offset, std::span<std::byte> data) override;
  void write(std::uint64_t offset, std::span<const std::byte> data) override;

 private:
  OnEvent on_event_;
};

}  // namespace hive::device
