// The PCI function through which a guest reaches global memory.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "guests/abi/global_memory.h"
#include "vmm/base/unique_fd.h"
#include "vmm/device/global/doorbells.h"
#include "vmm/device/global/global_registers.h"
#include "vmm/device/pci/config_space.h"
#include "vmm/device/pci/msix_table.h"
#include "vmm/device/pci/pci_device.h"
#include "vmm/device/platform.h"

namespace hive::device {

/// QEMU's ivshmem-doorbell, revision 1 (QEMU: docs/specs/ivshmem-spec), with Hive's registers above
/// ivshmem's. BAR0: struct hive_global_registers. BAR1: MSI-X, table at 0 and pending bits at 2048.
/// BAR2: global memory, a memory alias; what it has beyond global memory's end is all-ones. Memory
/// decoding is on from the start, so that programs need no driver.
///
/// While MSI-X is off, every doorbell of the cell asserts interrupt pin INTA, until the guest's end
/// of interrupt. No register tells which doorbell it was, and the VMM does not see it: as long as
/// the pin may be asserted, the status register says that it is, which is true whenever a handler
/// asks. A handler disables the pin; what rings then stays pending until the pin is enabled.
class GlobalMemoryDevice : public PciDevice {
 public:
  struct Setup {
    GlobalFacts facts;
    /// The eventfds of each cell's interrupts, in the order of facts.parts: HIVE_GLOBAL_VECTORS or
    /// none. Whoever signals the cell's own interrupts it.
    std::vector<std::vector<UniqueFd>> doorbells;
    /// Called on a vCPU's thread with a lock of the device's held; must not call back.
    GlobalRegisters::RequestSink on_request;
  };

  /// PIN is the wire of INTA, layout::kPciGsi; ALIAS is of all of global memory. The
  /// references outlive the device.
  GlobalMemoryDevice(Setup setup, MsiController& interrupts, LevelLine& pin,
                     DoorbellController& doorbells, MemoryAlias& alias);
  GlobalMemoryDevice(const GlobalMemoryDevice&) = delete;
  GlobalMemoryDevice& operator=(const GlobalMemoryDevice&) = delete;
  ~GlobalMemoryDevice() override;

  /// Ends the request under way. Thread-safe, and waits for nothing: what the device asks of the
  /// machine may take as long as a vCPU waits to write to another home's page.
  void answer(const hive_global_reply& reply);

  [[nodiscard]] std::uint64_t bar_size(unsigned index) const override;
  [[nodiscard]] bool bar_prefetchable(unsigned index) const override;
  void assign_bar(unsigned index, std::uint64_t address) override;
  [[nodiscard]] std::optional<std::uint64_t> bar_address(unsigned index) override;
  void read_config(std::uint64_t offset, std::span<std::byte> data) override;
  void write_config(std::uint64_t offset, std::span<const std::byte> data) override;
  void read_bar(unsigned index, std::uint64_t offset, std::span<std::byte> data) override;
  void write_bar(unsigned index, std::uint64_t offset, std::span<const std::byte> data) override;
  void bar_moved(unsigned index, std::optional<memory::GuestAddress> address) override;

 private:
  void add_msix_capability();
  void connect_own_doorbells(unsigned cell);
  /// Has MSI-X and the pin follow what the guest wrote last.
  void update_interrupts();
  void follow_pin(bool wanted);

  void write_registers(std::uint64_t offset, std::span<const std::byte> data);

  // Each of these guards what follows it. config_mutex_ alone may be taken with another one held,
  // msix_mutex_.
  std::mutex config_mutex_;
  PciConfigSpace config_;
  std::size_t msix_capability_ = 0;
  std::mutex doorbells_mutex_;
  GlobalDoorbells doorbells_;
  std::mutex registers_mutex_;
  GlobalRegisters registers_;
  std::optional<std::uint32_t> rung_;  ///< What the store under way wrote to the doorbell.
  std::mutex msix_mutex_;
  MsixTable msix_;
  std::atomic<bool> pin_always_{false};  ///< HIVE_GLOBAL_PIN_ALWAYS.
  LevelLine& pin_;
  bool pin_enabled_ = false;  ///< Doorbells go to the pin.
  MemoryAlias& alias_;        ///< The bridge's calls of bar_moved() do not overlap.
};

}  // namespace hive::device
