// Where the micro guest finds the global memory device, and scripts that use it.
#pragma once

#include <linux/pci_regs.h>

#include <cstdint>
#include <vector>

#include "guests/abi/global_memory.h"
#include "guests/abi/micro_script.h"
#include "tests/kvm/harness/micro_cell.h"
#include "vmm/memory/layout.h"

namespace hive::test {

/// The device of a cell with DISKS disks and WINDOW bytes of global memory. It comes after disks
/// and rng; its BARs are where the bus has put them.
struct MicroGlobal {
  std::uint64_t window;
  unsigned disks = 0;

  static constexpr std::uint64_t kVirtioBar = 0x8000;
  static constexpr std::uint64_t kMsixControl = 0x42;  ///< In configuration space.

  [[nodiscard]] std::uint64_t config(std::uint64_t offset = 0) const {
    return memory::layout::kEcam.start + ((disks + 2) << 15) + offset;
  }
  [[nodiscard]] std::uint64_t bar0(std::uint64_t offset = 0) const {
    return memory::layout::kPciWindow.start + (disks + 1) * kVirtioBar + offset;
  }
  [[nodiscard]] std::uint64_t bar1(std::uint64_t offset = 0) const {
    return bar0() + 0x1000 + offset;
  }
  [[nodiscard]] std::uint64_t bar2(std::uint64_t offset = 0) const {
    return memory::layout::upper_ranges(MicroCell::kMemory, window).bars.start + offset;
  }
  [[nodiscard]] std::uint64_t bar2_size() const { return memory::layout::global_bar_size(window); }

  [[nodiscard]] std::uint64_t state() const { return bar0(offsetof(hive_global_registers, state)); }
  [[nodiscard]] std::uint64_t reply() const { return bar0(offsetof(hive_global_registers, reply)); }
  [[nodiscard]] std::uint64_t request() const {
    return bar0(offsetof(hive_global_registers, request));
  }
  [[nodiscard]] micro::Action submit() const {
    return micro::store(4, bar0(offsetof(hive_global_registers, submit)), 1);
  }

  /// Maps registers and memory.
  [[nodiscard]] std::vector<micro::Action> map() const {
    return {micro::map(memory::layout::kEcam.start), micro::map(bar2())};
  }
  [[nodiscard]] micro::Action ring(unsigned cell, unsigned vector) const {
    return micro::store(4, bar0(offsetof(hive_global_registers, doorbell)), cell << 16 | vector);
  }
  /// Puts BAR2 at ADDRESS, not across a multiple of 4 GiB from where it is.
  [[nodiscard]] micro::Action move(std::uint64_t address) const {
    return micro::store(4, config(PCI_BASE_ADDRESS_2), address & 0xffff'ffff);
  }
  [[nodiscard]] micro::Action decode(bool on) const {
    return micro::store(2, config(PCI_COMMAND), on ? PCI_COMMAND_MEMORY : 0);
  }
  /// Lets the function assert its pin, or not.
  [[nodiscard]] micro::Action enable_pin(bool on) const {
    return micro::store(2, config(PCI_COMMAND),
                        PCI_COMMAND_MEMORY | (on ? 0 : PCI_COMMAND_INTX_DISABLE));
  }
  /// Has the pin reach CPU 0 as VECTOR, level-triggered and active low (82093AA, 3.2.4).
  [[nodiscard]] static std::vector<micro::Action> route_pin(std::uint8_t vector, bool masked) {
    constexpr std::uint64_t kSelect = memory::layout::kIoApic.start;
    constexpr std::uint64_t kWindow = kSelect + 0x10;
    constexpr std::uint32_t kEntry = 0x10 + 2 * memory::layout::kPciGsi;
    constexpr std::uint32_t kLevelLow = 0xa000;
    const std::uint32_t low = kLevelLow | vector | (masked ? 0x10000U : 0U);
    return {micro::store(4, kSelect, kEntry + 1), micro::store(4, kWindow, 0),
            micro::store(4, kSelect, kEntry), micro::store(4, kWindow, low)};
  }
  [[nodiscard]] micro::Action enable_msix() const {
    return micro::store(2, config(kMsixControl), PCI_MSIX_FLAGS_ENABLE);
  }
  /// Has interrupt ENTRY reach CPU 0 as VECTOR.
  [[nodiscard]] std::vector<micro::Action> program(unsigned entry, std::uint8_t vector) const {
    const std::uint64_t at = bar1(entry * 16);
    return {micro::store(4, at, memory::layout::kLocalApic.start), micro::store(4, at + 4, 0),
            micro::store(4, at + 8, vector)};
  }
  [[nodiscard]] micro::Action mask(unsigned entry, bool masked) const {
    return micro::store(4, bar1(entry * 16 + 12), masked ? 1 : 0);
  }
};

}  // namespace hive::test
