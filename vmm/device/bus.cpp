#include "vmm/device/bus.h"

#include <fmt/format.h>

#include <algorithm>

#include "vmm/base/error.h"

namespace hive::device {

void Bus::attach(Range range, BusDevice& device) {
  const auto after = std::upper_bound(
      entries_.begin(), entries_.end(), range.start,
      [](std::uint64_t start, const Entry& entry) { return start < entry.range.start; });
  const bool hits_next = after != entries_.end() && after->range.overlaps(range);
  const bool hits_previous = after != entries_.begin() && (after - 1)->range.overlaps(range);
  if (range.size == 0 || hits_next || hits_previous) {
    throw Error(fmt::format("{} bus: cannot attach a device at {:#x}, {:#x} bytes: {}", name_,
                            range.start, range.size,
                            range.size == 0 ? "the range is empty" : "the range is taken"));
  }
  entries_.insert(after, {range, &device});
}

const Bus::Entry* Bus::find(std::uint64_t address, std::size_t length) const {
  const auto after = std::upper_bound(
      entries_.begin(), entries_.end(), address,
      [](std::uint64_t value, const Entry& entry) { return value < entry.range.start; });
  if (after == entries_.begin()) return nullptr;
  const Entry& entry = *(after - 1);
  return fits_within(address - entry.range.start, length, entry.range.size) ? &entry : nullptr;
}

bool Bus::read(std::uint64_t address, std::span<std::byte> data) const {
  const Entry* entry = find(address, data.size());
  if (entry == nullptr) {
    std::fill(data.begin(), data.end(), std::byte{0xff});
    return false;
  }
  entry->device->read(address - entry->range.start, data);
  return true;
}

bool Bus::write(std::uint64_t address, std::span<const std::byte> data) const {
  const Entry* entry = find(address, data.size());
  if (entry == nullptr) return false;
  entry->device->write(address - entry->range.start, data);
  return true;
}

}  // namespace hive::device
