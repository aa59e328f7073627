// virtio-balloon.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "vmm/base/units.h"
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
  /// What is done before others have their turn: each step gives at most kMostTogether pages to the
  /// host, by one call of the kernel, or takes all of a request back.
  static constexpr unsigned kMostSteps = 256;
  static constexpr std::uint64_t kMostTogether = memory::GuestMemory::kMostReleased / kPageSize;

  /// MEMORY, which is not of reserved huge pages, HELD and TARGET outlive this object. HELD is how
  /// many pages the guest has in it that the host has taken, at any time; TARGET how many it is to
  /// have in it.
  VirtioBalloon(const memory::GuestMemory& memory, std::atomic<std::uint64_t>& held,
                std::atomic<std::uint64_t>& target);

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
  void reset_queue(unsigned index) override { requests_.at(index).head.reset(); }
  void reset() override;

 private:
  static constexpr std::array<std::uint16_t, 2> kQueues{128, 128};
  static constexpr unsigned kInflate = 0;

  /// One of a queue, perhaps done in part. Nobody touches its chain until it is given back.
  struct Request {
    std::optional<std::uint16_t> head;  ///< Nothing: there is none.
    std::array<std::uint32_t, kMaxPerRequest> frames{};
    std::size_t count = 0;
    std::size_t next = 0;  ///< Which frame is to be looked at next.
  };

  /// A queue's next request, if there is one.
  static bool take(Virtqueue& queue, Request& request);
  /// Gives the next few of its pages, one after the other in RAM, to the host.
  void inflate(Request& request);
  void deflate(Request& request);
  /// The number of the RAM's page that guest frame FRAME is; nothing where it is no RAM.
  [[nodiscard]] std::optional<std::uint64_t> page_of(std::uint32_t frame) const;

  const memory::GuestMemory& memory_;
  std::atomic<std::uint64_t>& held_;
  BalloonPages pages_;
  std::array<Request, 2> requests_;
  std::atomic<std::uint64_t>& target_;  ///< vCPUs read it.
  VirtioTransport* transport_ = nullptr;
};

}  // namespace hive::device
