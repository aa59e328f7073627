// virtio-blk.
#pragma once

#include <memory>
#include <string>

#include "vmm/device/virtio/block_counters.h"
#include "vmm/device/virtio/block_faults.h"
#include "vmm/device/virtio/disk_image.h"
#include "vmm/device/virtio/virtio_device.h"

namespace hive::device {

/// A disk (virtio 1.2, 5.2) over a raw image: reads, writes, flushes, discards and zero-writes go
/// to the host's kernel through one io_uring, straight between the image and guest memory.
class VirtioBlock : public VirtioDevice {
 public:
  /// SERIAL is what the guest's VIRTIO_BLK_T_GET_ID reads, at most 20 bytes. Counts requests in
  /// COUNTERS, unless null, which outlive this object.
  VirtioBlock(DiskImage image, std::string serial, BlockCounters* counters = nullptr);
  VirtioBlock(const VirtioBlock&) = delete;
  VirtioBlock& operator=(const VirtioBlock&) = delete;
  /// Waits for requests in flight.
  ~VirtioBlock() override;

  [[nodiscard]] VirtioType type() const override { return VirtioType::kBlock; }
  [[nodiscard]] std::string_view name() const override;
  [[nodiscard]] std::uint64_t features() const override;
  [[nodiscard]] std::span<const std::uint16_t> queue_sizes() const override;
  void read_config(std::uint64_t offset, std::span<std::byte> data) const override;
  /// Throws Error when the host gives no io_uring.
  void attach(VirtioTransport& transport) override;
  void activate(std::uint64_t features) override;
  void process(unsigned index) override;
  [[nodiscard]] bool idle() const override;
  void reset_queue(unsigned index) override;
  void reset() override;

  /// The disk has FAULT from now on. After attach(), without the lock, on the loop's thread.
  void set_fault(const DiskFault& fault);
  [[nodiscard]] bool read_only() const;

 private:
  class Engine;
  std::unique_ptr<Engine> engine_;
};

}  // namespace hive::device
