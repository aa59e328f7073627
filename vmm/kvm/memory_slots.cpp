#include "vmm/kvm/memory_slots.h"

#include <sys/ioctl.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "vmm/base/error.h"
#include "vmm/base/units.h"
#include "vmm/kvm/uapi.h"

namespace hive::kvm {
namespace {

using memory::MemoryRegion;

bool holds(const MemoryRegion& region, const std::byte* page) {
  const auto start = reinterpret_cast<std::uintptr_t>(region.host);
  return Range{start, region.guest.size}.contains(reinterpret_cast<std::uintptr_t>(page));
}

void set_slot(int vm, std::uint32_t slot, const MemoryRegion& region) {
  kvm_userspace_memory_region request{};
  request.slot = slot;
  request.guest_phys_addr = region.guest.start;
  request.memory_size = region.guest.size;
  request.userspace_addr = reinterpret_cast<std::uintptr_t>(region.host);
  if (::ioctl(vm, KVM_SET_USER_MEMORY_REGION, &request) != 0) {
    throw_errno("kvm: KVM_SET_USER_MEMORY_REGION for " + format_size(region.guest.size));
  }
}

}  // namespace

std::vector<MemoryRegion> with_substitutes(const MemoryRegion& region,
                                           std::span<const Substitute> substitutes) {
  std::vector<Substitute> within;
  std::copy_if(substitutes.begin(), substitutes.end(), std::back_inserter(within),
               [&](const Substitute& each) { return holds(region, each.page); });
  std::sort(within.begin(), within.end(),
            [](const Substitute& a, const Substitute& b) { return a.page < b.page; });
  std::vector<MemoryRegion> pieces;
  std::uint64_t done = 0;
  const auto add_up_to = [&](std::uint64_t end) {
    if (end > done) {
      pieces.push_back({{region.guest.start + done, end - done}, region.host + done});
    }
    done = end;
  };
  for (const Substitute& each : within) {
    add_up_to(static_cast<std::uint64_t>(each.page - region.host));
    pieces.push_back({{region.guest.start + done, kPageSize}, each.by});
    done += kPageSize;
  }
  add_up_to(region.guest.size);
  return pieces;
}

void MemorySlots::add(int vm, const MemoryRegion& region) {
  const std::scoped_lock lock(mutex_);
  Shown shown{region, {}, false};
  show(vm, shown);
  shown_.push_back(std::move(shown));
}

MemorySlots::Place MemorySlots::reserve() {
  const std::scoped_lock lock(mutex_);
  shown_.emplace_back();
  return shown_.size() - 1;
}

bool MemorySlots::fill(int vm, Place place, const MemoryRegion& region) {
  const std::scoped_lock lock(mutex_);
  Shown& shown = shown_.at(place);
  hide(vm, shown);
  shown.region = region;
  try {
    show(vm, shown);
  } catch (const Error&) {
    hide(vm, shown);
    shown.region = {};
    return false;
  }
  return true;
}

void MemorySlots::empty(int vm, Place place) {
  const std::scoped_lock lock(mutex_);
  hide(vm, shown_.at(place));
  shown_[place].region = {};
}

void MemorySlots::show(int vm, Shown& shown) {
  const std::vector<MemoryRegion> pieces = with_substitutes(shown.region, substitutes_);
  for (const MemoryRegion& piece : pieces) {
    const std::uint32_t slot = free_.empty() ? next_ : free_.back();
    set_slot(vm, slot, piece);
    if (!free_.empty()) {
      free_.pop_back();
    } else {
      ++next_;
    }
    shown.slots.push_back(slot);
  }
  shown.substituted = std::any_of(substitutes_.begin(), substitutes_.end(),
                                  [&](auto& each) { return holds(shown.region, each.page); });
}

void MemorySlots::hide(int vm, Shown& shown) {
  // A slot of size 0 is none. The backing of one that is in use cannot be changed.
  for (const std::uint32_t slot : shown.slots) set_slot(vm, slot, {});
  free_.insert(free_.end(), shown.slots.begin(), shown.slots.end());
  shown.slots.clear();
  shown.substituted = false;
}

void MemorySlots::substitute(int vm, const Substitute& substitute) {
  const std::scoped_lock lock(mutex_);
  substitutes_.push_back(substitute);
  for (Shown& shown : shown_) {
    if (!holds(shown.region, substitute.page)) continue;
    hide(vm, shown);
    show(vm, shown);
  }
}

void MemorySlots::restore(int vm) {
  const std::scoped_lock lock(mutex_);
  substitutes_.clear();
  for (Shown& shown : shown_) {
    if (!shown.substituted) continue;
    hide(vm, shown);
    show(vm, shown);
  }
}

}  // namespace hive::kvm
