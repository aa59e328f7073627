// The guest's private RAM as its VMM sees it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>

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
/// hole and one above.
///
/// The guest runs while the VMM reads and writes, so every byte may change at any time: callers
/// copy once, check the copy, and use only the copy. Accesses outside RAM fail; they never crash.
/// Const after construction and add_global(), and safe to use from several threads.
class GuestMemory {
 public:
  /// Makes SIZE bytes of RAM, a multiple of 2 MiB, around the hole HOLE (guest-physical). RAM
  /// starts at 0; what does not fit below the hole continues at the hole's end. Throws Error.
  GuestMemory(std::uint64_t size, Range hole, Backing backing);
  GuestMemory(const GuestMemory&) = delete;
  GuestMemory& operator=(const GuestMemory&) = delete;
  ~GuestMemory();

  [[nodiscard]] std::span<const MemoryRegion> regions() const { return {regions_.data(), count_}; }
  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// The file behind it: the regions, one after the other. What was never touched is a hole there.
  [[nodiscard]] int file() const { return fd_.get(); }

  /// The host bytes of [address, address + length) where that lies within one region. The guest may
  /// change them at any time.
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

  /// Gives the RAM's bytes [OFFSET, OFFSET + LENGTH), counted through all regions and in whole
  /// pages, back to the host: they read as 0, and take no memory until somebody writes them. Where
  /// the host cannot, they stay as they are.
  void release(std::uint64_t offset, std::uint64_t length) const;

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
  UniqueFd fd_;
  std::uint64_t size_ = 0;
  std::byte* mapping_ = nullptr;
  std::array<MemoryRegion, 2> regions_{};
  std::size_t count_ = 0;
  const GlobalPlaces* global_places_ = nullptr;
  std::byte* global_base_ = nullptr;
  ForeignWriter* foreign_writer_ = nullptr;
};

}  // namespace hive::memory
