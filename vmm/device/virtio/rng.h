// virtio-rng.
#pragma once

#include <array>

#include "vmm/device/virtio/virtio_device.h"

namespace hive::device {

/// An entropy source (virtio 1.2, 5.4) over getrandom(2). Each request gets at most kMaxBytes,
/// however large its buffers are.
class VirtioRng : public VirtioDevice {
 public:
  static constexpr std::size_t kMaxBytes = 4096;

  [[nodiscard]] VirtioType type() const override { return VirtioType::kRng; }
  [[nodiscard]] std::string_view name() const override { return "rng"; }
  [[nodiscard]] std::uint64_t features() const override { return 0; }
  [[nodiscard]] std::span<const std::uint16_t> queue_sizes() const override { return kQueues; }
  void read_config(std::uint64_t offset, std::span<std::byte> data) const override;
  void attach(VirtioTransport& transport) override { transport_ = &transport; }
  void activate(std::uint64_t features) override { (void)features; }
  void process(unsigned index) override;
  void reset() override {}

 private:
  static constexpr std::array<std::uint16_t, 1> kQueues{8};
  VirtioTransport* transport_ = nullptr;
};

}  // namespace hive::device
