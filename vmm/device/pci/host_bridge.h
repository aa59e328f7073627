// PCI bus 0 and the bridge to it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "vmm/base/range.h"
#include "vmm/device/bus_device.h"
#include "vmm/device/pci/pci_device.h"

namespace hive::device {

/// PCI bus 0: the host bridge is device 0, the functions that are attached are devices 1 to 31.
/// Configuration goes through ECAM only (PCI Express 5.0, 7.2.2).
///
/// Attach ecam() at layout::kEcam, window() at layout::kPciWindow of the memory bus, and
/// upper_window() where that is. BARs are assigned when a device is attached, so that a guest that
/// keeps firmware's assignment has nothing to move; one that moves them is served as well, without
/// a lock on the access path.
class PciHostBridge {
 public:
  static constexpr unsigned kMaxDevices = 31;

  /// BARs are placed in, and decoded only within, WINDOW, which is below 4 GiB, and UPPER above,
  /// for 64-bit prefetchable BARs; empty: there is none.
  explicit PciHostBridge(Range window, Range upper = {});
  PciHostBridge(const PciHostBridge&) = delete;
  PciHostBridge& operator=(const PciHostBridge&) = delete;
  ~PciHostBridge();

  /// Puts DEVICE on the bus and returns its device number. Throws Error when the bus or the window
  /// is full. Not while vCPUs run.
  unsigned attach(std::unique_ptr<PciDevice> device);

  [[nodiscard]] BusDevice& ecam() { return ecam_; }
  [[nodiscard]] BusDevice& window() { return lower_; }
  [[nodiscard]] BusDevice& upper_window() { return upper_; }

  /// Quiesces every device; calls DONE once all of them are quiet. As in PciDevice.
  void quiesce(const std::function<void()>& done);
  void resume();

 private:
  /// One BAR of one device. `base` changes when the guest moves it; the rest never does.
  struct BarSlot {
    PciDevice* device;
    unsigned device_number;
    unsigned index;
    std::uint64_t size;
    std::atomic<std::uint64_t> base;
  };

  class Ecam : public BusDevice {
   public:
    explicit Ecam(PciHostBridge& bridge) : bridge_(bridge) {}
    void read(std::uint64_t offset, std::span<std::byte> data) override;
    void write(std::uint64_t offset, std::span<const std::byte> data) override;

   private:
    PciHostBridge& bridge_;
  };
  class Window : public BusDevice {
   public:
    Window(PciHostBridge& bridge, Range range)
        : bridge_(bridge), range_(range), next_base_(range.start) {}
    void read(std::uint64_t offset, std::span<std::byte> data) override;
    void write(std::uint64_t offset, std::span<const std::byte> data) override;
    [[nodiscard]] bool contains(std::uint64_t address, std::uint64_t size) const {
      return address >= range_.start && fits_within(address - range_.start, size, range_.size);
    }
    /// The next free place for a BAR of SIZE bytes. Throws Error when there is none.
    [[nodiscard]] std::uint64_t take(std::uint64_t size);

   private:
    PciHostBridge& bridge_;
    Range range_;
    std::uint64_t next_base_;
  };

  void add_bar(PciDevice& device, unsigned number, unsigned index);
  void update_bars(unsigned device_number);
  /// The BAR that holds all of LENGTH bytes at ADDRESS, and their OFFSET in it.
  [[nodiscard]] BarSlot* find(std::uint64_t address, std::size_t length, std::uint64_t& offset);
  [[nodiscard]] PciDevice* function_at(std::uint64_t ecam_offset) const;

  Ecam ecam_{*this};
  Window lower_;
  Window upper_;
  std::mutex config_mutex_;  ///< One configuration write at a time.
  std::array<std::unique_ptr<PciDevice>, kMaxDevices + 1> devices_;
  unsigned next_device_ = 1;
  std::vector<std::unique_ptr<BarSlot>> bars_;
};

}  // namespace hive::device
