// The device's end of a split virtqueue.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "vmm/device/virtio/chain.h"
#include "vmm/memory/guest_memory.h"

namespace hive::device {

/// How a driver set a queue up. All of it is hostile input.
struct VirtqueueSetup {
  std::uint16_t size = 0;
  std::uint64_t descriptors = 0;  ///< Guest-physical addresses.
  std::uint64_t available = 0;
  std::uint64_t used = 0;
};

/// A split virtqueue (virtio 1.2, 2.7) whose other end is hostile. Descriptors are copied once and
/// then checked; chains are bounded in length by the queue's size and in bytes by 4 GiB; every
/// buffer lies wholly within one region of RAM or of global memory. Rings are in RAM. The first
/// breach breaks the queue: it stays quiet until it is disabled. Not thread-safe: its device's lock
/// covers it.
class Virtqueue {
 public:
  static constexpr std::uint16_t kMaxSize = 256;

  /// MAX_SIZE is a power of two of at most kMaxSize. MEMORY outlives the queue.
  Virtqueue(const memory::GuestMemory& memory, std::uint16_t max_size)
      : memory_(memory), max_size_(max_size) {}

  [[nodiscard]] std::uint16_t max_size() const { return max_size_; }
  /// The driver's choice; of no meaning while the queue is disabled.
  [[nodiscard]] std::uint16_t size() const { return size_; }

  /// Features that change the ring's rules. Before enable().
  struct Rules {
    bool indirect = false;     ///< VIRTIO_F_INDIRECT_DESC
    bool event_index = false;  ///< VIRTIO_F_EVENT_IDX
  };

  /// Takes the queue into use. False, with the queue broken, when SETUP is malformed: a size that
  /// is not a power of two or too large, a ring that is misaligned or not wholly RAM.
  [[nodiscard]] bool enable(const VirtqueueSetup& setup, Rules rules);
  void disable();
  [[nodiscard]] bool enabled() const { return enabled_; }
  /// Whether the driver broke the rules since enable(), and which.
  [[nodiscard]] bool broken() const { return !fault_.empty(); }
  [[nodiscard]] std::string_view fault() const { return fault_; }
  /// Breaks the queue for a reason of the device's own: a request that cannot be answered. REASON
  /// is a literal.
  void fail(std::string_view reason);

  /// Takes the next available chain into CHAIN, whose storage holds max_size() buffers. False when
  /// there is none, or the queue is disabled or (now) broken.
  [[nodiscard]] bool pop(Chain& chain);

  /// Gives chain HEAD back with WRITTEN bytes in its writable buffers. The driver sees it after
  /// publish().
  void push(std::uint16_t head, std::uint32_t written);

  /// Shows the driver all that was pushed. Returns whether it wants an interrupt for what was shown
  /// since the last call.
  [[nodiscard]] bool publish();
  /// Shows the driver all that was pushed, and leaves the interrupt to a later publish().
  void show();
  /// Chains that were pushed since the last publish().
  [[nodiscard]] std::uint16_t unpublished() const {
    return static_cast<std::uint16_t>(next_used_ - published_);
  }

  /// Asks the driver not to signal new chains: the device is going to look anyway.
  void suppress_kicks();
  /// Asks the driver to signal new chains. Returns whether some have come meanwhile: then there may
  /// be no signal for them, and the device must look again.
  [[nodiscard]] bool want_kicks();

 private:
  struct Descriptor;
  struct Walk;
  [[nodiscard]] bool take_head(std::uint16_t& head);
  [[nodiscard]] bool step(Walk& walk, Chain& chain);
  [[nodiscard]] bool add_buffer(const Descriptor& descriptor, Chain& chain);
  [[nodiscard]] bool enter_indirect(const Descriptor& descriptor, Walk& walk);
  /// fail(), for use as a condition's value: false.
  [[nodiscard]] bool refuse(std::string_view reason);
  void look_for_available();

  const memory::GuestMemory& memory_;
  std::uint16_t max_size_;
  std::uint16_t size_ = 0;
  Rules rules_;
  bool enabled_ = false;
  std::byte* descriptors_ = nullptr;
  std::byte* available_ = nullptr;
  std::byte* used_ = nullptr;
  std::uint16_t seen_available_ = 0;  ///< The driver's index when last looked at.
  std::uint16_t next_available_ = 0;  ///< Next entry of the available ring to take.
  std::uint16_t next_used_ = 0;       ///< Next entry of the used ring to fill.
  std::uint16_t shown_ = 0;           ///< The used index that the driver sees.
  std::uint16_t published_ = 0;       ///< Up to where it was asked whether it wants an interrupt.
  std::string_view fault_;
};

}  // namespace hive::device
