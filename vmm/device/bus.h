// Where a guest's accesses to ports or to memory-mapped registers find their device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "vmm/base/range.h"
#include "vmm/device/bus_device.h"

namespace hive::device {

/// One address space of registers: make one for ports and one for memory. Devices are attached
/// while the cell is built; from then on the bus never changes, so any number of vCPU threads use
/// it at the same time without a lock.
class Bus {
 public:
  /// NAME ("port", "memory") appears in errors.
  explicit Bus(std::string_view name) : name_(name) {}

  /// Gives RANGE to DEVICE, which outlives the bus. Throws Error when RANGE is empty or overlaps
  /// one that is taken. Not while vCPUs run.
  void attach(Range range, BusDevice& device);

  /// Reads DATA.size() bytes at ADDRESS. All-ones, and false, when they do not lie within one
  /// device's range.
  bool read(std::uint64_t address, std::span<std::byte> data) const;

  /// Writes DATA at ADDRESS. Does nothing, and returns false, when the bytes do not lie within one
  /// device's range.
  bool write(std::uint64_t address, std::span<const std::byte> data) const;

 private:
  struct Entry {
    Range range;
    BusDevice* device;
  };
  [[nodiscard]] const Entry* find(std::uint64_t address, std::size_t length) const;

  std::string_view name_;
  std::vector<Entry> entries_;  ///< In ascending order.
};

}  // namespace hive::device
