// The PCI function through which Wax sees its machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>

#include "vmm/device/pci/config_space.h"
#include "vmm/device/pci/pci_device.h"
#include "vmm/device/platform.h"
#include "vmm/device/policy/policy_registers.h"

namespace hive::device {

/// BAR0: struct hive_wax_registers (guests/abi/wax.h). BAR2: the view, memory that the guest can
/// only read. Memory decoding is on from the start. It has no interrupt.
class PolicyDevice : public PciDevice {
 public:
  struct Setup {
    PolicyFacts facts;
    PolicyRegisters::Clock clock;
    // Called on a vCPU's thread with a lock of the device's held; must neither wait nor call back.
    PolicyRegisters::HintSink on_hint;
    PolicyRegisters::BeatSink on_beat;
  };

  /// VIEW, whose size is a power of two and at least a page, is where this process has the view,
  /// and ALIAS is of all of it. Both outlive the device.
  PolicyDevice(Setup setup, std::span<const std::byte> view, MemoryAlias& alias);
  PolicyDevice(const PolicyDevice&) = delete;
  PolicyDevice& operator=(const PolicyDevice&) = delete;
  ~PolicyDevice() override;

  [[nodiscard]] std::uint64_t bar_size(unsigned index) const override;
  void assign_bar(unsigned index, std::uint64_t address) override;
  [[nodiscard]] std::optional<std::uint64_t> bar_address(unsigned index) override;
  void read_config(std::uint64_t offset, std::span<std::byte> data) override;
  void write_config(std::uint64_t offset, std::span<const std::byte> data) override;
  void read_bar(unsigned index, std::uint64_t offset, std::span<std::byte> data) override;
  void write_bar(unsigned index, std::uint64_t offset, std::span<const std::byte> data) override;
  void bar_moved(unsigned index, std::optional<memory::GuestAddress> address) override;

 private:
  std::mutex config_mutex_;
  PciConfigSpace config_;  ///< Guarded by config_mutex_.
  std::mutex registers_mutex_;
  PolicyRegisters registers_;  ///< Guarded by registers_mutex_.
  std::span<const std::byte> view_;
  MemoryAlias& alias_;  ///< The bridge's calls of bar_moved() do not overlap.
};

}  // namespace hive::device
