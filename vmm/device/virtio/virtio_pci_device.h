// A virtio device as a PCI function.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "vmm/device/fault_share.h"
#include "vmm/device/pci/pci_device.h"
#include "vmm/device/platform.h"
#include "vmm/device/virtio/virtio_device.h"
#include "vmm/memory/guest_memory.h"

namespace hive::device {

/// The PCI transport (virtio 1.2, 4.1) around one virtio device: modern only, one BAR, MSI-X, a
/// doorbell per queue. Construct and destroy on the loop's thread or while the loop does not run.
class VirtioPciDevice : public PciDevice {
 public:
  /// Told once per breach, on the loop's thread, with the device's name and what was wrong.
  using OnBroken = std::function<void(const std::string& detail)>;

  /// The references outlive the device. Throws Error when the host lacks resources.
  VirtioPciDevice(std::unique_ptr<VirtioDevice> device, const memory::GuestMemory& memory,
                  MsiController& interrupts, DoorbellController& doorbells,
                  boost::asio::io_context& loop, OnBroken on_broken);
  VirtioPciDevice(const VirtioPciDevice&) = delete;
  VirtioPciDevice& operator=(const VirtioPciDevice&) = delete;
  ~VirtioPciDevice() override;

  [[nodiscard]] std::uint64_t bar_size(unsigned index) const override;
  void assign_bar(unsigned index, std::uint64_t address) override;
  [[nodiscard]] std::optional<std::uint64_t> bar_address(unsigned index) override;
  void read_config(std::uint64_t offset, std::span<std::byte> data) override;
  void write_config(std::uint64_t offset, std::span<const std::byte> data) override;
  void read_bar(unsigned index, std::uint64_t offset, std::span<std::byte> data) override;
  void write_bar(unsigned index, std::uint64_t offset, std::span<const std::byte> data) override;
  void bar_moved(unsigned index, std::optional<memory::GuestAddress> address) override;
  void quiesce(const std::function<void()>& done) override;
  void resume() override;

  /// From now on the interrupts that tell the driver of used buffers get lost, as SHARE has it, in
  /// the place of an earlier such fault. A queue whose interrupt was lost tries again with the next
  /// buffers that it gives back, whether the driver waits for those or not. On any thread.
  void lose_interrupts(const FaultShare& share);

 private:
  class Transport;
  std::unique_ptr<Transport> transport_;
};

}  // namespace hive::device
