// virtio-balloon.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "vmm/device/virtio/balloon_pages.h"
#include "vmm/device/virtio/virtio_device.h"
#include "vmm/memory/guest_memory.h"

namespace hive::device {

/// A memory balloon (virtio 1.2, 5.5): pages that the guest puts into it go back to the host, and
/// come from there anew when it takes them out. It offers no VIRTIO_BALLOON_F_DEFLATE_ON_OOM: what
/// the guest gave away stays so until the target says otherwise.
///
/// The guest may use such a page all the same; then it is the host's loss, up to the RAM that the
/// guest had in the first place.
class VirtioBalloon : public VirtioDevice {
 public:
  /// Page numbers that are taken from one request; more are ignored. Linux sends 256.
  static constexpr std::size_t kMaxPerRequest = 1024;

  /// MEMORY, which is not of reserved huge pages, and HELD outlive this object. HELD is how many
  /// pages the guest has in it, at any time.
  VirtioBalloon(const memory::GuestMemory& memory, std::atomic<std::uint64_t>& held);

  /// From now on the guest is to have PAGES pages in it. On the loop's thread.
  void set_target(std::uint32_t pages);

  [[nodiscard]] VirtioType type() const override { return VirtioType::kBalloon; }
  [[nodiscard]] std::string_view name() const override { return "balloon"; }
  [[nodiscard]] std::uint64_t features() const override { return 0; }
  [[nodiscard]] std::span<const std::uint16_t> queue_sizes() const override { return kQueues; }
  void read_config(std::uint64_t offset, std::span<std::byte> data) const override;
  void attach(VirtioTransport& transport) override { transport_ = &transport; }
  void activate(std::uint64_t features) override { (void)features; }
  void process(unsigned index) override;
  void reset() override;

 private:
  static constexpr std::array<std::uint16_t, 2> kQueues{128, 128};
  static constexpr unsigned kInflate = 0;

  void inflate(std::span<const std::uint32_t> frames);
  void deflate(std::span<const std::uint32_t> frames);
  /// The number of the RAM's page that guest frame FRAME is; nothing where it is no RAM.
  [[nodiscard]] std::optional<std::uint64_t> page_of(std::uint32_t frame) const;

  const memory::GuestMemory& memory_;
  std::atomic<std::uint64_t>& held_;
  BalloonPages pages_;
  std::atomic<std::uint32_t> target_{0};  ///< vCPUs read it.
  VirtioTransport* transport_ = nullptr;
};

}  // namespace hive::device
