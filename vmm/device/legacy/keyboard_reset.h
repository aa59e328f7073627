// The reset line of the PC's keyboard controller, and nothing else of it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "vmm/base/range.h"
#include "vmm/device/bus_device.h"

namespace hive::device {

/// The command port of an i8042 without keyboard. Command 0xfe resets. Its status is such that
/// Linux neither waits for it before a reset ("input buffer full" is clear) nor takes it for a
/// working controller ("output buffer full" never clears). Attach at kPort. Thread-safe.
class KeyboardReset : public BusDevice {
 public:
  static constexpr Range kPort{0x64, 1};

  /// ON_RESET is called on vCPU threads.
  explicit KeyboardReset(std::function<void()> on_reset) : on_reset_(std::move(on_reset)) {}

  void read(std::uint64_t offset, std::span<std::byte> data) override;
  void write(std::uint64_t offset, std::span<const std::byte> data) override;

 private:
  std::function<void()> on_reset_;
};

}  // namespace hive::device
