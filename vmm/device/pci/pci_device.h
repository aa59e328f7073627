// What a PCI function is to the host bridge.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "vmm/device/pci/config_space.h"
#include "vmm/memory/guest_address.h"

namespace hive::device {

/// A PCI function. The host bridge calls it on vCPU threads, several at a time: a device locks its
/// own state. What a guest writes must never throw or block.
class PciDevice {
 public:
  virtual ~PciDevice() = default;

  /// Size of memory BAR INDEX (0 to 5), 0 for none. Constant.
  [[nodiscard]] virtual std::uint64_t bar_size(unsigned index) const = 0;
  /// Whether BAR INDEX is a 64-bit prefetchable one, for the window above 4 GiB. Constant.
  [[nodiscard]] virtual bool bar_prefetchable(unsigned index) const {
    (void)index;
    return false;
  }
  /// Sets BAR INDEX as firmware does, before the guest runs.
  virtual void assign_bar(unsigned index, std::uint64_t address) = 0;
  /// Where BAR INDEX is decoded; nothing while memory decoding is off.
  [[nodiscard]] virtual std::optional<std::uint64_t> bar_address(unsigned index) = 0;

  /// Configuration space, at OFFSET below 4096.
  virtual void read_config(std::uint64_t offset, std::span<std::byte> data) = 0;
  virtual void write_config(std::uint64_t offset, std::span<const std::byte> data) = 0;

  /// The registers behind BAR INDEX; the access lies wholly within it.
  virtual void read_bar(unsigned index, std::uint64_t offset, std::span<std::byte> data) = 0;
  virtual void write_bar(unsigned index, std::uint64_t offset, std::span<const std::byte> data) = 0;

  /// BAR INDEX is now found at ADDRESS, or nowhere. Calls do not overlap.
  virtual void bar_moved(unsigned index, std::optional<memory::GuestAddress> address) {
    (void)index;
    (void)address;
  }

  /// Stops taking requests; calls DONE once none is in flight and guest memory is left alone, at
  /// once where that is so already. On the device loop's thread, and not again before resume().
  virtual void quiesce(const std::function<void()>& done) { done(); }
  /// Undoes quiesce(); one that is not done yet is given up, and its DONE never called. On the
  /// device loop's thread.
  virtual void resume() {}
};

}  // namespace hive::device
