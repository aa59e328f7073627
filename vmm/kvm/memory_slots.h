// A virtual machine's map from guest-physical addresses to host memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "vmm/base/units.h"
#include "vmm/memory/guest_memory.h"

namespace hive::kvm {

/// Host memory that other memory stands in for: a page of 4 KiB, or more. None overlaps another.
struct Substitute {
  const std::byte* page;
  std::byte* by;
  std::uint64_t size = kPageSize;
  bool read_only = false;  ///< As of Piece.
};

/// A part of the guest's memory with the same backing.
struct Piece {
  memory::MemoryRegion region;
  /// A store there comes to an access to a device, where it is one that KVM can carry out itself.
  bool read_only = false;
  friend bool operator==(const Piece& a, const Piece& b) {
    return a.region.guest == b.region.guest && a.region.host == b.region.host &&
           a.read_only == b.read_only;
  }
};

/// REGION as it is mapped where each of SUBSTITUTES, in any order and also of other memory, stands
/// in for its own: pieces in the order of their addresses, without gaps. What has its own backing
/// is cut where CUTS, in ascending order, have a place of it.
std::vector<Piece> with_substitutes(const memory::MemoryRegion& region,
                                    std::span<const Substitute> substitutes,
                                    std::span<const std::byte* const> cuts = {});

/// KVM's memory slots of one VM. Thread-safe.
class MemorySlots {
 public:
  /// Of one region among all.
  using Place = std::size_t;

  /// Slots begin at each of CUTS, in ascending order: what replaces memory between two of them
  /// leaves the slots of the rest alone. KVM takes the longer for a slot the larger it is. Before
  /// regions with these places are added.
  void cut(std::vector<const std::byte*> cuts);
  /// Backs guest-physical REGION by its host mapping, writable. Throws Error.
  void add(int vm, const memory::MemoryRegion& region);
  /// A place for a region that comes, moves and goes while vCPUs run. Empty.
  Place reserve();
  /// Backs guest-physical REGION by its host mapping, which may be part of other regions too; not
  /// where PLACE's was before. READ_ONLY is as of Piece. False, with PLACE empty, when KVM refuses:
  /// it overlaps another one.
  [[nodiscard]] bool fill(int vm, Place place, const memory::MemoryRegion& region,
                          bool read_only = false);
  void empty(int vm, Place place);
  /// The guest finds the page at SUBSTITUTE.by wherever it would find the one at SUBSTITUTE.page,
  /// until restore(). No vCPU is in the guest meanwhile. Throws Error.
  void substitute(int vm, const Substitute& substitute);
  void restore(int vm);
  /// The same for all of SUBSTITUTES, in the place of those of the last call, whatever restore()
  /// does. Not while others are in force.
  void replace(int vm, std::vector<Substitute> substitutes);
  /// Has KVM forget all that it knows of the guest's memory, which stays as it is. No vCPU is in
  /// the guest meanwhile. Throws Error.
  void renew(int vm);

 private:
  struct Slot {
    Piece piece;
    std::uint32_t number;
  };
  /// A region, and the slots of its pieces, in any order.
  struct Shown {
    memory::MemoryRegion region;
    std::vector<Slot> slots;
    bool read_only = false;
  };

  void show(int vm, Shown& shown) { change(vm, shown, pieces_of(shown)); }
  void hide(int vm, Shown& shown) { change(vm, shown, {}); }
  /// Has SHOWN consist of PIECES.
  void change(int vm, Shown& shown, std::span<const Piece> pieces);
  [[nodiscard]] Slot make_slot(int vm, const Piece& piece);
  /// Has all regions follow the substitutes that are in force.
  void follow(int vm);
  [[nodiscard]] std::vector<Piece> pieces_of(const Shown& shown) const;

  std::mutex mutex_;
  std::vector<Shown> shown_;             ///< Guarded by mutex_, as is all that follows.
  std::vector<Substitute> substitutes_;  ///< In force until restore().
  std::vector<Substitute> lasting_;      ///< In force, as replace() has them.
  std::vector<const std::byte*> cuts_;
  std::vector<std::uint32_t> free_;  ///< Slots that have been used and are not any more.
  std::uint32_t next_ = 0;           ///< The first slot that has never been used.
};

}  // namespace hive::kvm
