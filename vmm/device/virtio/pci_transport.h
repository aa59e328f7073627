// The transport between a virtio device and its driver, over PCI.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "vmm/device/event_source.h"
#include "vmm/device/fault_share.h"
#include "vmm/device/pci/msix_table.h"
#include "vmm/device/platform.h"
#include "vmm/device/virtio/common_config.h"
#include "vmm/device/virtio/pci_function.h"
#include "vmm/device/virtio/virtio_device.h"
#include "vmm/device/virtio/virtio_pci_device.h"

namespace hive::device {

/// All state of a virtio PCI device that driver and device share, under one lock: vCPU threads
/// come with register accesses, the loop's thread with doorbells and the device's own events.
class VirtioPciDevice::Transport : public VirtioTransport {
 public:
  Transport(std::unique_ptr<VirtioDevice> device, const memory::GuestMemory& memory,
            MsiController& interrupts, DoorbellController& doorbells, boost::asio::io_context& loop,
            OnBroken on_broken);
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  ~Transport() override;

  // For the device.
  [[nodiscard]] boost::asio::io_context& loop() override { return loop_; }
  void run(const std::function<void()>& work) override;
  [[nodiscard]] bool running() const override;
  [[nodiscard]] Virtqueue& queue(unsigned index) override { return queues_[index].ring; }
  void poke(unsigned index) override { queues_[index].doorbell.signal(); }
  void defer_interrupts(unsigned index) override { queues_[index].defers = true; }
  void hasten(unsigned index) override { queues_[index].hastened = true; }
  void config_changed() override;

  // For the PCI function: as in PciDevice.
  void assign_bar(std::uint64_t address);
  [[nodiscard]] std::optional<std::uint64_t> bar_address();
  void read_config(std::uint64_t offset, std::span<std::byte> data);
  void write_config(std::uint64_t offset, std::span<const std::byte> data);
  void read_bar(std::uint64_t offset, std::span<std::byte> data);
  void write_bar(std::uint64_t offset, std::span<const std::byte> data);
  void bar_moved(std::optional<memory::GuestAddress> address);
  void quiesce(const std::function<void()>& done);
  void resume();
  void lose_interrupts(const FaultShare& share);

 private:
  struct Queue {
    Virtqueue ring;
    EventSource doorbell;
    bool doorbell_attached = false;  ///< Stores to it go to the event, not to the bus.
    bool resetting = false;          ///< The driver waits for its reset.
    bool defers = false;             ///< Interrupts, until there is much to tell or it
    bool hastened = false;           ///< is said that it is due.
    bool owes = false;               ///< A fault has lost its last interrupt.
  };

  // All of these with the lock held, except kicked().
  void kicked(unsigned index);
  void load_registers(std::uint64_t offset, std::span<std::byte> data);
  void store_registers(std::uint64_t offset, std::span<const std::byte> data);
  void write_common(std::uint64_t offset, std::span<const std::byte> data);
  void enable_queue(unsigned index);
  void attach_doorbell(unsigned index);
  void detach_doorbell(unsigned index);
  [[nodiscard]] memory::GuestAddress doorbell_address(unsigned index) const;
  void poke_all();
  void interrupt(std::uint16_t vector, std::uint8_t cause);
  void give_back(unsigned index);
  void break_device(unsigned index);
  /// Brings everything to rest after a call to the device. Returns what to call without the lock.
  [[nodiscard]] std::function<void()> settle();
  void finish_resets();

  boost::asio::io_context& loop_;
  DoorbellController& doorbells_;
  OnBroken on_broken_;
  std::mutex mutex_;
  MsixTable msix_;
  VirtioPciFunction function_;
  CommonConfig common_;
  std::vector<Queue> queues_;
  std::optional<memory::GuestAddress> bar_;  ///< Where the BAR is decoded.
  std::uint8_t isr_ = 0;
  FaultDraw loss_;             ///< Of interrupts.
  bool resetting_ = false;     ///< The driver waits for the device's reset.
  unsigned queue_resets_ = 0;  ///< Queues whose reset the driver waits for.
  bool quiesced_ = false;
  /// Guests can break a queue, reset the device and go on for ever: later breaks are not told.
  static constexpr unsigned kMaxBreaksTold = 16;
  unsigned breaks_told_ = 0;
  std::function<void()> on_quiet_;  ///< Owed once the device is idle.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::unique_ptr<VirtioDevice> device_;  ///< Last: it may use all of the above while it ends.
};

}  // namespace hive::device
