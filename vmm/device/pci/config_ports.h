// The port way into PCI configuration space.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <span>

#include "vmm/base/range.h"
#include "vmm/device/bus_device.h"

namespace hive::device {

/// Configuration mechanism #1 (PCI 3.0, 3.2.2.3.2): an address register at port 0xcf8, data at
/// 0xcfc. Linux trusts ECAM from ACPI early only where it finds this as well. Reaches bus 0,
/// through its ECAM. Attach at kPorts. Thread-safe; as on any PC, a guest that uses it from several
/// CPUs at a time locks it itself.
class PciConfigPorts : public BusDevice {
 public:
  static constexpr Range kPorts{0xcf8, 8};

  /// ECAM, with bus 0 at offset 0, outlives the ports.
  explicit PciConfigPorts(BusDevice& ecam) : ecam_(ecam) {}

  void read(std::uint64_t offset, std::span<std::byte> data) override;
  void write(std::uint64_t offset, std::span<const std::byte> data) override;

 private:
  [[nodiscard]] std::uint32_t address();
  [[nodiscard]] std::optional<std::uint64_t> ecam_offset(std::uint64_t port_offset,
                                                         std::size_t length);

  BusDevice& ecam_;
  std::mutex mutex_;
  std::uint32_t address_ = 0;  ///< Guarded by mutex_.
};

}  // namespace hive::device
