// Why the PC's chipset has raised an NMI: it has not.
#pragma once

#include <cstdint>
#include <span>

#include "vmm/base/range.h"
#include "vmm/device/bus_device.h"

namespace hive::device {

/// The PC's system control port B. Of the NMI status it says that neither the bus (SERR#) nor
/// memory (IOCHK#) has raised one: all-ones, as of an absent device, would have Linux blame both
/// for every NMI. Of the timer it says that channel 2, which is not there, has ended, so that
/// nobody waits for it. Attach at kPort. Thread-safe.
class NmiStatus : public BusDevice {
 public:
  static constexpr Range kPort{0x61, 1};

  void read(std::uint64_t offset, std::span<std::byte> data) override;
  void write(std::uint64_t offset, std::span<const std::byte> data) override;
};

}  // namespace hive::device
