// A virtual machine's map from guest-physical addresses to host memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "vmm/memory/guest_memory.h"

namespace hive::kvm {

/// A page of host memory that another one stands in for.
struct Substitute {
  const std::byte* page;
  std::byte* by;
};

/// REGION as it is mapped where each of SUBSTITUTES, in any order and also of other memory, stands
/// in for its page: pieces in the order of their addresses, without gaps. Pages are 4 KiB.
std::vector<memory::MemoryRegion> with_substitutes(const memory::MemoryRegion& region,
                                                   std::span<const Substitute> substitutes);

/// KVM's memory slots of one VM. Thread-safe.
class MemorySlots {
 public:
  /// Of one region among all.
  using Place = std::size_t;

  /// Backs guest-physical REGION by its host mapping, writable. Throws Error.
  void add(int vm, const memory::MemoryRegion& region);
  /// A place for a region that comes, moves and goes while vCPUs run. Empty.
  Place reserve();
  /// Backs guest-physical REGION by its host mapping, which may be part of other regions too; not
  /// where PLACE's was before. False, with PLACE empty, when KVM refuses: it overlaps another one.
  [[nodiscard]] bool fill(int vm, Place place, const memory::MemoryRegion& region);
  void empty(int vm, Place place);
  /// The guest finds the page at SUBSTITUTE.by wherever it would find the one at SUBSTITUTE.page,
  /// until restore(). No vCPU is in the guest meanwhile. Throws Error.
  void substitute(int vm, const Substitute& substitute);
  void restore(int vm);

 private:
  /// A region, and the slots of its pieces.
  struct Shown {
    memory::MemoryRegion region;
    std::vector<std::uint32_t> slots;
    bool substituted = false;
  };

  void show(int vm, Shown& shown);
  void hide(int vm, Shown& shown);

  std::mutex mutex_;
  std::vector<Shown> shown_;             ///< Guarded by mutex_, as is all that follows.
  std::vector<Substitute> substitutes_;  ///< In force.
  std::vector<std::uint32_t> free_;      ///< Slots that have been used and are not any more.
  std::uint32_t next_ = 0;               ///< The first slot that has never been used.
};

}  // namespace hive::kvm
