// A guest's driver for a virtio PCI device, as far as tests need one.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/unit/device/doubles.h"
#include "vmm/base/units.h"
#include "vmm/device/pci/host_bridge.h"
#include "vmm/device/virtio/ring_abi.h"
#include "vmm/device/virtio/virtio_pci_device.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/memory/layout.h"

namespace hive::device::test {

/// The machine around a device under test: RAM, bus, interrupts and the loop that runs it.
struct TestMachine {
  /// Whose RAM has SPARE memory besides.
  explicit TestMachine(const Range& spare = {})
      : ram(4 * kMiB, memory::layout::kHole, memory::Backing::kSmallPages, spare),
        bridge(memory::layout::kPciWindow) {}

  /// Puts DEVICE on the bus; returns its device number.
  unsigned attach(std::unique_ptr<VirtioDevice> device);

  /// Runs the loop until DONE, at most five seconds. Returns DONE's last answer.
  bool run_until(const std::function<bool()>& done);
  /// Runs the loop until nothing is ready.
  void settle();

  memory::GuestMemory ram;
  boost::asio::io_context loop;
  FakeMsi msi;
  FakeDoorbells doorbells;
  std::vector<std::string> broken;
  std::vector<VirtioPciDevice*> functions;  ///< As they were attached.
  PciHostBridge bridge;
};

/// One buffer of a chain.
struct Buffer {
  std::uint64_t address;
  std::uint32_t length;
  bool device_writes = false;
};

/// A driver's end of a split virtqueue in guest memory at ADDRESS.
class GuestQueue {
 public:
  GuestQueue(const memory::GuestMemory& ram, std::uint64_t address, std::uint16_t size);

  [[nodiscard]] std::uint16_t size() const { return size_; }
  [[nodiscard]] std::uint64_t descriptors() const { return address_; }
  [[nodiscard]] std::uint64_t available() const { return address_ + size_ * 16U; }
  [[nodiscard]] std::uint64_t used() const { return align_up(available() + 6 + size_ * 2U, 4); }
  [[nodiscard]] std::uint64_t end() const { return used() + 6 + size_ * 8U; }

  void set_descriptor(std::uint16_t index, std::uint64_t address, std::uint32_t length,
                      std::uint16_t flags, std::uint16_t next);
  /// Writes a chain of BUFFERS from descriptor HEAD on and makes it available.
  void add(std::uint16_t head, const std::vector<Buffer>& buffers);
  /// The same with an indirect table at TABLE.
  void add_indirect(std::uint16_t head, std::uint64_t table, const std::vector<Buffer>& buffers);
  void make_available(std::uint16_t head);
  void set_available_index(std::uint16_t index);
  void set_used_event(std::uint16_t event);
  void set_available_flags(std::uint16_t flags);

  [[nodiscard]] std::uint16_t used_index() const;
  [[nodiscard]] std::uint16_t available_event() const;
  [[nodiscard]] std::uint16_t used_flags() const;

  struct Used {
    std::uint32_t head;
    std::uint32_t length;
  };
  /// The next chain that the device has given back.
  std::optional<Used> take_used();

 private:
  const memory::GuestMemory* ram_;
  std::uint64_t address_;
  std::uint16_t size_;
  std::uint16_t available_index_ = 0;
  std::uint16_t used_seen_ = 0;
};

/// Finds a device by its capabilities and drives it by its registers, as Linux does.
class GuestDriver {
 public:
  GuestDriver(TestMachine& machine, unsigned device_number);

  /// Registers of configuration space and of the four structures.
  template <typename T>
  T config(std::uint64_t offset) {
    return bus_read<T>(machine_.bridge.ecam(), function_ + offset);
  }
  template <typename T>
  void set_config(std::uint64_t offset, T value) {
    bus_write<T>(machine_.bridge.ecam(), function_ + offset, value);
  }
  template <typename T>
  T common(std::uint64_t offset) {
    return bus_read<T>(machine_.bridge.window(), bar_offset() + common_ + offset);
  }
  template <typename T>
  void set_common(std::uint64_t offset, T value) {
    bus_write<T>(machine_.bridge.window(), bar_offset() + common_ + offset, value);
  }
  template <typename T>
  T device(std::uint64_t offset) {
    return bus_read<T>(machine_.bridge.window(), bar_offset() + device_ + offset);
  }

  [[nodiscard]] std::uint64_t bar() const { return bar_; }
  [[nodiscard]] std::uint64_t bar_offset() const { return bar_ - memory::layout::kPciWindow.start; }
  [[nodiscard]] std::uint64_t doorbell(unsigned queue) const { return bar_ + notify_ + queue * 4U; }
  [[nodiscard]] std::uint8_t status() { return common<std::uint8_t>(0x14); }

  void set_status(std::uint8_t status) { set_common<std::uint8_t>(0x14, status); }
  [[nodiscard]] std::uint64_t offered();
  void accept(std::uint64_t features);
  /// Acknowledges, agrees on FEATURES with VERSION_1, enables MSI-X. Returns whether FEATURES_OK
  /// stayed.
  bool negotiate(std::uint64_t features);
  /// Sets up QUEUE as ring INDEX, with MSI-X vector INDEX + 1 (message data 0x100 + INDEX + 1).
  void enable(unsigned index, const GuestQueue& queue);
  void ready() { set_status(0x0f); }
  void reset();
  void kick(unsigned index);
  /// Interrupts of queue INDEX so far, and of configuration changes.
  [[nodiscard]] unsigned interrupts(unsigned index) const {
    return machine_.msi.raised_with(0x101 + index);
  }
  [[nodiscard]] unsigned config_interrupts() const { return machine_.msi.raised_with(0x100); }

  /// Reads the capability list again and enables memory decoding.
  void probe();
  void enable_msix();

  std::uint64_t msix_capability = 0;
  std::uint64_t window_capability = 0;

 private:
  TestMachine& machine_;
  std::uint64_t function_;
  std::uint64_t bar_ = 0;
  std::uint64_t common_ = 0, notify_ = 0, isr_ = 0, device_ = 0, table_ = 0;
};

}  // namespace hive::device::test
