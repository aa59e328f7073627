// virtio-mem.
#pragma once

#include <linux/virtio_mem.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>

#include "vmm/base/units.h"
#include "vmm/device/virtio/mem_blocks.h"
#include "vmm/device/virtio/virtio_device.h"

namespace hive::device {

/// Memory that a guest plugs in and out block by block as it is told how much it may have (virtio
/// 1.2, 5.15). What it plugs out goes back to the host; blocks that the host could not take count
/// as the guest's still, and are offered again with each request and each want(). A reset of the
/// device leaves plugged in what is: a guest may go on using it, and one that dumps its memory asks
/// what it was.
class VirtioMem : public VirtioDevice {
 public:
  static constexpr std::uint64_t kBlock = 2 * kMiB;
  /// Blocks that go back to the host before others have their turn.
  static constexpr std::uint16_t kMostAtOnce = 8;

  /// What becomes of blocks, as a range of guest-physical addresses. On the loop's thread.
  struct Handlers {
    std::function<void(const Range&)> plugged;
    /// Whether the host has all of them. They may be blocks that are out already.
    std::function<bool(const Range&)> unplugged;
  };

  /// REGION is where the guest may have it: whole blocks, at a multiple of 128 MiB, all unplugged.
  /// PLUGGED, which outlives this object, is how many bytes the host does without, at any time:
  /// what the guest has plugged in, and what it has plugged out and the host could not take.
  VirtioMem(const Range& region, Handlers handlers, std::atomic<std::uint64_t>& plugged);

  /// From now on the guest is to have BYTES of it: whole blocks. On the loop's thread.
  void want(std::uint64_t bytes);

  [[nodiscard]] VirtioType type() const override { return VirtioType::kMem; }
  [[nodiscard]] std::string_view name() const override { return "memory"; }
  /// Linux is not to touch what it has not plugged in, not even to read it.
  [[nodiscard]] std::uint64_t features() const override {
    return 1ULL << VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE;
  }
  [[nodiscard]] std::span<const std::uint16_t> queue_sizes() const override { return kQueues; }
  void read_config(std::uint64_t offset, std::span<std::byte> data) const override;
  void attach(VirtioTransport& transport) override { transport_ = &transport; }
  void activate(std::uint64_t features) override { (void)features; }
  void process(unsigned index) override;
  /// A request that goes on ends where it is: it was not answered.
  void reset_queue(unsigned index) override {
    (void)index;
    unplugging_.reset();
  }
  void reset() override { unplugging_.reset(); }

 private:
  static constexpr std::array<std::uint16_t, 1> kQueues{64};

  /// A request that is answered once all of its blocks are plugged out.
  struct Unplugging {
    Range left;              ///< Where some may still be plugged in.
    bool all = false;        ///< Whether nothing is plugged in after it.
    std::uint16_t head = 0;  ///< Its chain.
  };

  /// The answer to REQUEST, which is done, or begun: then it is in unplugging_.
  [[nodiscard]] virtio_mem_resp answer(const virtio_mem_req& request);
  std::uint16_t plug(const virtio_mem_req_plug& request);
  /// Whether BLOCKS may be plugged in but for others that the host has not got back.
  [[nodiscard]] bool must_wait(const Range& blocks) const;
  std::uint16_t begin_unplug(const virtio_mem_req_unplug& request);
  [[nodiscard]] std::uint16_t state(const virtio_mem_req_state& request,
                                    std::uint16_t& state) const;
  /// Takes and answers the request in CHAIN.
  void take(Virtqueue& queue, const Chain& chain);
  /// Plugs some blocks out for the request that goes on; its end is told to the driver.
  void go_on(Virtqueue& queue);
  /// Plugged-out BLOCKS go to the host, or into kept_.
  void give_back(const Range& blocks);
  /// Offers the first MOST of kept_ again.
  void offer_kept(std::size_t most);
  /// The same for those of BLOCKS, which are about to be plugged in: then they are kept no more.
  void clear_kept(const Range& blocks);
  void note_plugged() {
    plugged_.store(blocks_.plugged() + kept_.size() * kBlock, std::memory_order_relaxed);
  }

  Handlers handlers_;
  std::atomic<std::uint64_t>& plugged_;
  MemBlocks blocks_;                ///< Under the device's lock: vCPUs read the configuration.
  std::deque<std::uint64_t> kept_;  ///< Plugged out, but not the host's; next to be offered first.
  std::optional<Unplugging> unplugging_;
  VirtioTransport* transport_ = nullptr;
};

}  // namespace hive::device
