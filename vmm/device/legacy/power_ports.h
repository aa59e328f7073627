// Power-off, reset and the power button.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>

#include "vmm/device/bus_device.h"
#include "vmm/device/platform.h"

namespace hive::device {

/// The registers at layout::kPowerPorts, one byte each: sleep control and sleep status of hardware-
/// reduced ACPI (ACPI 6.4, 4.8.3.7), the reset register (4.8.3.6), and the events that the DSDT's
/// generic event device reads. Thread-safe.
class PowerPorts : public BusDevice {
 public:
  /// What the guest asked for. Called on vCPU threads, as often as the guest asks.
  struct Requests {
    std::function<void()> power_off;
    std::function<void()> reset;
  };

  /// LINE tells the guest that there is an event; it outlives the device.
  PowerPorts(InterruptLine& line, Requests requests)
      : line_(line), requests_(std::move(requests)) {}

  void read(std::uint64_t offset, std::span<std::byte> data) override;
  void write(std::uint64_t offset, std::span<const std::byte> data) override;

  /// Asks the guest to shut down. Any thread.
  void press_power_button();

 private:
  InterruptLine& line_;
  Requests requests_;
  std::atomic<std::uint8_t> events_{0};
};

}  // namespace hive::device
