// What a device is to the bus that it sits on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hive::device {

/// A device with registers in port or memory space. The bus hands it only accesses that lie wholly
/// within the range it was attached at. Called on vCPU threads, several at a time: a device locks
/// its own state. What a guest writes must never throw or block.
class BusDevice {
 public:
  virtual ~BusDevice() = default;

  /// Fills DATA with the registers at OFFSET from the start of the device's range. Offsets that
  /// mean nothing read as all-ones.
  virtual void read(std::uint64_t offset, std::span<std::byte> data) = 0;

  /// Stores DATA to the registers at OFFSET. Stores that mean nothing are ignored.
  virtual void write(std::uint64_t offset, std::span<const std::byte> data) = 0;
};

}  // namespace hive::device
