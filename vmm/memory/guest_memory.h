// The guest's private RAM as its VMM sees it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "vmm/base/range.h"
#include "vmm/base/unique_fd.h"
#include "vmm/base/units.h"
#include "vmm/memory/backing.h"
#include "vmm/memory/foreign_writer.h"
#include "vmm/memory/global_places.h"
#include "vmm/memory/guest_address.h"

namespace hive::memory {

/// A contiguous piece of guest RAM and its place in the host's address space.
struct MemoryRegion {
  Range guest;      ///< Guest-physical addresses.
  std::byte* host;  ///< Where `guest.start` is mapped.
};

/// Where a device reads or writes for its driver.
struct DmaWindow {
  std::span<std::byte> bytes;
  ForeignWriter* writer = nullptr;  ///< Through which alone `bytes` may be written; null: directly.
};

/// Guest RAM: one unlinked shared-memory file, mapped once, laid out as one region below the 32-bit
/// hole and one above; and spare memory, above that, of which the guest plugs in what it is lent.
///
/// The guest runs while the VMM reads and writes, so every byte may change at any time: callers
/// copy once, check the copy, and use only the copy. Accesses outside RAM fail; they never crash.
/// Const after construction and add_global(), but for what is plugged in, and safe to use from
/// several threads.
class GuestMemory {
 public:
  /// Makes SIZE bytes of RAM, a multiple of 2 MiB, around the hole HOLE (guest-physical). RAM
  /// starts at 0; what does not fit below the hole continues at the hole's end. SPARE lies above,
  /// and is whole blocks of kSpareBlock. Throws Error.
  GuestMemory(std::uint64_t size, Range hole, Backing backing, Range spare = {});
  GuestMemory(const GuestMemory&) = delete;
  GuestMemory& operator=(const GuestMemory&) = delete;
  ~GuestMemory();

  [[nodiscard]] std::span<const MemoryRegion> regions() const { return {regions_.data(), count_}; }
  /// The same, and spare memory where there is any, plugged in or not: in the file's order.
  [[nodiscard]] std::span<const MemoryRegion> all_regions() const {
    return {regions_.data(), spare_.guest.size == 0 ? count_ : count_ + 1};
  }
  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// What the guest may plug in; empty where there is none.
  [[nodiscard]] const MemoryRegion& spare() const { return spare_; }
  /// Bytes of RAM and spare memory.
  [[nodiscard]] std::uint64_t capacity() const { return size_ + spare_.guest.size; }
  /// The file behind it: the regions, one after the other, and spare memory. What was never touched
  /// is a hole there.
  [[nodiscard]] int file() const { return fd_.get(); }

  /// The host bytes of [address, address + length) where that lies within one region, or in what is
  /// plugged in of spare memory. The guest may change them at any time.
  [[nodiscard]] std::optional<std::span<std::byte>> window(GuestAddress address,
                                                           std::uint64_t length) const;

  /// Lets devices reach global memory too: the guest has it at PLACES, this process at BASE. Before
  /// any of them runs. PLACES and WRITER outlive this object.
  void add_global(const GlobalPlaces& places, std::byte* base, ForeignWriter& writer);
  /// As window(), in RAM or in global memory.
  [[nodiscard]] std::optional<DmaWindow> dma_window(GuestAddress address,
                                                    std::uint64_t length) const;

  /// The most that release() gives back by one call of the kernel.
  static constexpr std::uint64_t kMostReleased = kHugePageSize;

  /// Where in this process the RAM is: a power of two of address space, at a multiple of itself.
  /// Beyond the RAM nothing is mapped in it, nor in kMostReleased bytes behind it.
  [[nodiscard]] Range span() const;

  /// Blocks of spare memory are plugged in, or out: then they are given back as by release(). Those
  /// that are out may be plugged out again, where they were not given back.
  static constexpr std::uint64_t kSpareBlock = kHugePageSize;
  void plug(const Range& guest);
  /// Whether the host has all of them: they are out in any case.
  [[nodiscard]] bool unplug(const Range& guest);

  /// Gives the RAM's bytes [OFFSET, OFFSET + LENGTH), counted as in file() and in whole
  /// pages, back to the host: they read as 0, and take no memory until somebody writes them. False
  /// where the host cannot, or they are not all RAM: then some of them stay as they are.
  [[nodiscard]] bool release(std::uint64_t offset, std::uint64_t length) const;

  /// Copies guest bytes to OUT. False, with OUT untouched, unless all of them are RAM.
  [[nodiscard]] bool read(GuestAddress address, std::span<std::byte> out) const;
  /// Copies IN to the guest. False, with nothing written, unless all of the target is RAM.
  [[nodiscard]] bool write(GuestAddress address, std::span<const std::byte> in) const;

  /// A copy of the T at ADDRESS, as the guest's bytes were at one reading.
  template <typename T>
  requires std::is_trivially_copyable_v<T>
  [[nodiscard]] std::optional<T> load(GuestAddress address) const {
    T value;
    if (!read(address, std::as_writable_bytes(std::span(&value, 1)))) return std::nullopt;
    return value;
  }
  template <typename T>
  requires std::is_trivially_copyable_v<T>
  [[nodiscard]] bool store(GuestAddress address, const T& value) const {
    return write(address, std::as_bytes(std::span(&value, 1)));
  }

 private:
  [[nodiscard]] std::optional<std::span<std::byte>> spare_window(GuestAddress address,
                                                                 std::uint64_t length) const;
  void set_plugged(const Range& guest, bool plugged);

  UniqueFd fd_;
  std::uint64_t size_ = 0;
  std::byte* mapping_ = nullptr;
  std::array<MemoryRegion, 3> regions_{};
  std::size_t count_ = 0;  ///< Of them, without spare memory.
  MemoryRegion spare_;
  std::vector<std::atomic<bool>> plugged_;  ///< Blocks of spare memory.
  const GlobalPlaces* global_places_ = nullptr;
  std::byte* global_base_ = nullptr;
  ForeignWriter* foreign_writer_ = nullptr;
};

}  // namespace hive::memory
