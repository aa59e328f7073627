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

void set_slot(int vm, std::uint32_t slot, const Piece& piece) {
  const MemoryRegion& region = piece.region;
  kvm_userspace_memory_region request{};
  request.slot = slot;
  request.flags = piece.read_only ? KVM_MEM_READONLY : 0;
  request.guest_phys_addr = region.guest.start;
  request.memory_size = region.guest.size;
  request.userspace_addr = reinterpret_cast<std::uintptr_t>(region.host);
  if (::ioctl(vm, KVM_SET_USER_MEMORY_REGION, &request) != 0) {
    throw_errno("kvm: KVM_SET_USER_MEMORY_REGION for " + format_size(region.guest.size));
  }
}

}  // namespace

std::vector<Piece> with_substitutes(const MemoryRegion& region,
                                    std::span<const Substitute> substitutes,
                                    std::span<const std::byte* const> cuts) {
  std::vector<Substitute> within;
  std::copy_if(substitutes.begin(), substitutes.end(), std::back_inserter(within),
               [&](const Substitute& each) { return holds(region, each.page); });
  std::sort(within.begin(), within.end(),
            [](const Substitute& a, const Substitute& b) { return a.page < b.page; });
  std::vector<Piece> pieces;
  std::uint64_t done = 0;
  const auto add = [&](std::uint64_t end) {
    pieces.push_back({{{region.guest.start + done, end - done}, region.host + done}});
    done = end;
  };
  const auto add_up_to = [&](std::uint64_t end) {
    for (const std::byte* cut : cuts) {
      if (!holds(region, cut)) continue;
      const auto at = static_cast<std::uint64_t>(cut - region.host);
      if (at > done && at < end) add(at);
    }
    if (end > done) add(end);
  };
  for (const Substitute& each : within) {
    add_up_to(static_cast<std::uint64_t>(each.page - region.host));
    const std::uint64_t size = std::min(each.size, region.guest.size - done);
    pieces.push_back({{{region.guest.start + done, size}, each.by}, each.read_only});
    done += size;
  }
  add_up_to(region.guest.size);
  return pieces;
}

void MemorySlots::cut(std::vector<const std::byte*> cuts) {
  const std::scoped_lock lock(mutex_);
  cuts_ = std::move(cuts);
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

bool MemorySlots::fill(int vm, Place place, const MemoryRegion& region, bool read_only) {
  const std::scoped_lock lock(mutex_);
  Shown& shown = shown_.at(place);
  hide(vm, shown);
  shown.region = region;
  shown.read_only = read_only;
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

std::vector<Piece> MemorySlots::pieces_of(const Shown& shown) const {
  std::vector<Substitute> all = lasting_;
  all.insert(all.end(), substitutes_.begin(), substitutes_.end());
  std::vector<Piece> pieces = with_substitutes(shown.region, all, cuts_);
  for (Piece& piece : pieces) piece.read_only |= shown.read_only;
  return pieces;
}

MemorySlots::Slot MemorySlots::make_slot(int vm, const Piece& piece) {
  const std::uint32_t number = free_.empty() ? next_ : free_.back();
  set_slot(vm, number, piece);
  if (free_.empty()) {
    ++next_;
  } else {
    free_.pop_back();
  }
  return {piece, number};
}

void MemorySlots::change(int vm, Shown& shown, std::span<const Piece> pieces) {
  // The backing of a slot that is in use cannot be changed: those that differ make way first.
  for (auto slot = shown.slots.begin(); slot != shown.slots.end();) {
    if (std::find(pieces.begin(), pieces.end(), slot->piece) != pieces.end()) {
      ++slot;
      continue;
    }
    set_slot(vm, slot->number, {});  // One of size 0 is none.
    free_.push_back(slot->number);
    slot = shown.slots.erase(slot);
  }
  for (const Piece& piece : pieces) {
    const bool is_there = std::any_of(shown.slots.begin(), shown.slots.end(),
                                      [&](const Slot& slot) { return slot.piece == piece; });
    if (!is_there) shown.slots.push_back(make_slot(vm, piece));
  }
}

void MemorySlots::follow(int vm) {
  for (Shown& shown : shown_) {
    if (shown.region.guest.size != 0) show(vm, shown);
  }
}

void MemorySlots::renew(int vm) {
  const std::scoped_lock lock(mutex_);
  for (Shown& shown : shown_) {
    if (shown.region.guest.size == 0) continue;
    hide(vm, shown);
    show(vm, shown);
  }
}

void MemorySlots::substitute(int vm, const Substitute& substitute) {
  const std::scoped_lock lock(mutex_);
  substitutes_.push_back(substitute);
  follow(vm);
}

void MemorySlots::restore(int vm) {
  const std::scoped_lock lock(mutex_);
  substitutes_.clear();
  follow(vm);
}

void MemorySlots::replace(int vm, std::vector<Substitute> substitutes) {
  const std::scoped_lock lock(mutex_);
  lasting_ = std::move(substitutes);
  follow(vm);
}

}  // namespace hive::kvm
