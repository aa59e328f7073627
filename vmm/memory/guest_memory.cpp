#include "vmm/memory/guest_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <string>

#include "vmm/base/error.h"
#include "vmm/base/units.h"
#include "vmm/memory/address_space.h"
#include "vmm/memory/ram_file.h"

namespace hive::memory {
namespace {

/// The power of two that has room for SIZE bytes.
std::uint64_t span_of(std::uint64_t size) { return std::max(std::bit_ceil(size), kHugePageSize); }

/// What is reserved for SIZE bytes of RAM: nothing else is near enough for a release() to reach it.
std::uint64_t reserved_for(std::uint64_t size) {
  return span_of(size) + GuestMemory::kMostReleased;
}

std::byte* map_aligned(int fd, std::uint64_t size, Backing backing) {
  std::byte* start = reserve_aligned(reserved_for(size), "guest memory", span_of(size));
  void* mapped = ::mmap(start, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
  if (mapped == MAP_FAILED) {
    const int error = errno;
    ::munmap(start, reserved_for(size));
    throw_errno("guest memory: cannot map " + format_size(size), error,
                backing == Backing::kHugePages
                    ? "reserve 2 MiB pages in /proc/sys/vm/nr_hugepages or drop hugepages"
                    : "give the cell less memory");
  }
  return static_cast<std::byte*>(mapped);
}

}  // namespace

GuestMemory::GuestMemory(std::uint64_t size, Range hole, Backing backing, Range spare)
    : fd_(make_ram_file(size + spare.size, backing)),
      size_(size),
      mapping_(map_aligned(fd_.get(), size + spare.size, backing)),
      spare_{spare, mapping_ + size},
      plugged_(spare.size / kSpareBlock) {
  ::madvise(mapping_, capacity(), MADV_DONTDUMP);
  ::madvise(mapping_, capacity(),
            backing == Backing::kSmallPages ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
  const std::uint64_t low = size < hole.start ? size : hole.start;
  regions_[count_++] = {{0, low}, mapping_};
  if (size > low) regions_[count_++] = {{hole.end(), size - low}, mapping_ + low};
  regions_[count_] = spare_;
}

GuestMemory::~GuestMemory() { ::munmap(mapping_, reserved_for(capacity())); }

Range GuestMemory::span() const {
  return {reinterpret_cast<std::uintptr_t>(mapping_), span_of(capacity())};
}

std::optional<std::span<std::byte>> GuestMemory::window(GuestAddress address,
                                                        std::uint64_t length) const {
  for (const MemoryRegion& region : regions()) {
    if (!region.guest.contains(address.value)) continue;
    const std::uint64_t offset = address.value - region.guest.start;
    if (!fits_within(offset, length, region.guest.size)) return std::nullopt;
    return std::span(region.host + offset, length);
  }
  return spare_window(address, length);
}

std::optional<std::span<std::byte>> GuestMemory::spare_window(GuestAddress address,
                                                              std::uint64_t length) const {
  if (!spare_.guest.contains(address.value)) return std::nullopt;
  const std::uint64_t offset = address.value - spare_.guest.start;
  if (!fits_within(offset, length, spare_.guest.size)) return std::nullopt;
  const std::uint64_t last = (offset + std::max<std::uint64_t>(length, 1) - 1) / kSpareBlock;
  for (std::uint64_t block = offset / kSpareBlock; block <= last; ++block) {
    if (!plugged_[block].load(std::memory_order_acquire)) return std::nullopt;
  }
  return std::span(spare_.host + offset, length);
}

void GuestMemory::set_plugged(const Range& guest, bool plugged) {
  const std::uint64_t first = (guest.start - spare_.guest.start) / kSpareBlock;
  for (std::uint64_t block = 0; block < guest.size / kSpareBlock; ++block) {
    plugged_[first + block].store(plugged, std::memory_order_release);
  }
}

void GuestMemory::plug(const Range& guest) { set_plugged(guest, true); }

bool GuestMemory::unplug(const Range& guest) {
  set_plugged(guest, false);
  return release(size_ + (guest.start - spare_.guest.start), guest.size);
}

void GuestMemory::add_global(const GlobalPlaces& places, std::byte* base, ForeignWriter& writer) {
  global_places_ = &places;
  global_base_ = base;
  foreign_writer_ = &writer;
}

std::optional<DmaWindow> GuestMemory::dma_window(GuestAddress address, std::uint64_t length) const {
  if (const auto bytes = window(address, length)) return DmaWindow{*bytes, nullptr};
  if (global_places_ == nullptr) return std::nullopt;
  const auto offset = global_places_->offset_of(address, length);
  if (!offset) return std::nullopt;
  std::byte* shown = foreign_writer_->shown(global_base_ + *offset, length);
  if (shown == nullptr) return std::nullopt;
  return DmaWindow{{shown, length}, foreign_writer_};
}

bool GuestMemory::release(std::uint64_t offset, std::uint64_t length) const {
  if (!fits_within(offset, length, capacity())) return false;
  bool is_done = true;
  for (std::uint64_t done = 0; done < length; done += kMostReleased) {
    const std::uint64_t piece = std::min(length - done, kMostReleased);
    is_done = ::madvise(mapping_ + offset + done, piece, MADV_REMOVE) == 0 && is_done;
  }
  return is_done;
}

bool GuestMemory::read(GuestAddress address, std::span<std::byte> out) const {
  const auto bytes = window(address, out.size());
  if (!bytes) return false;
  if (!out.empty()) std::memcpy(out.data(), bytes->data(), out.size());
  return true;
}

bool GuestMemory::write(GuestAddress address, std::span<const std::byte> in) const {
  const auto bytes = window(address, in.size());
  if (!bytes) return false;
  if (!in.empty()) std::memcpy(bytes->data(), in.data(), in.size());
  return true;
}

}  // namespace hive::memory
