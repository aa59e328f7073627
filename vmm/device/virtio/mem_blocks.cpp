#include "vmm/device/virtio/mem_blocks.h"

#include <algorithm>

#include "vmm/base/units.h"

namespace hive::device {
namespace {

/// Linux adds memory in parts of 128 MiB, more where it has much; two of them may be partly
/// plugged.
constexpr std::uint64_t kSlack = 256 * kMiB;

}  // namespace

MemBlocks::MemBlocks(Range region, std::uint64_t block)
    : region_(region), block_(block), blocks_(region.size / block) {
  usable_ = usable_for(0);
}

std::uint64_t MemBlocks::usable_for(std::uint64_t bytes) const {
  return std::min(region_.size, bytes + kSlack);
}

void MemBlocks::want(std::uint64_t bytes) {
  wanted_ = std::min(align_down(bytes, block_), region_.size);
  usable_ = std::max(usable_, usable_for(wanted_));
}

bool MemBlocks::are_blocks(std::uint64_t address, std::uint16_t blocks) const {
  if (blocks == 0 || address < region_.start || (address - region_.start) % block_ != 0) {
    return false;
  }
  return fits_within(address - region_.start, blocks * block_, usable_);
}

std::uint64_t MemBlocks::count(std::uint64_t address, std::uint16_t blocks) const {
  const auto first = blocks_.begin() + static_cast<std::ptrdiff_t>(index_of(address));
  return static_cast<std::uint64_t>(std::count(first, first + blocks, true));
}

void MemBlocks::set(std::uint64_t address, std::uint16_t blocks, bool plugged) {
  const auto first = blocks_.begin() + static_cast<std::ptrdiff_t>(index_of(address));
  std::fill(first, first + blocks, plugged);
}

MemBlocks::Answer MemBlocks::plug(std::uint64_t address, std::uint16_t blocks) {
  if (!are_blocks(address, blocks) || count(address, blocks) != 0) return Answer::kWrong;
  if (plugged() + blocks * block_ > wanted_) return Answer::kDenied;
  set(address, blocks, true);
  plugged_ += blocks;
  return Answer::kDone;
}

MemBlocks::Answer MemBlocks::unplug(std::uint64_t address, std::uint16_t blocks) {
  if (!are_blocks(address, blocks) || count(address, blocks) != blocks) return Answer::kWrong;
  set(address, blocks, false);
  plugged_ -= blocks;
  return Answer::kDone;
}

std::optional<Range> MemBlocks::first_plugged(const Range& within, std::uint16_t most) const {
  if (within.size == 0) return std::nullopt;
  const auto begin = blocks_.begin() + static_cast<std::ptrdiff_t>(index_of(within.start));
  const auto end = begin + static_cast<std::ptrdiff_t>(within.size / block_);
  const auto first = std::find(begin, end, true);
  if (first == end) return std::nullopt;
  const auto last = std::find(first, end - first > most ? first + most : end, false);
  return Range{within.start + static_cast<std::uint64_t>(first - begin) * block_,
               static_cast<std::uint64_t>(last - first) * block_};
}

std::optional<MemBlocks::State> MemBlocks::look(std::uint64_t address, std::uint16_t blocks) const {
  if (!are_blocks(address, blocks)) return std::nullopt;
  const std::uint64_t found = count(address, blocks);
  if (found == 0) return State::kUnplugged;
  return found == blocks ? State::kPlugged : State::kMixed;
}

}  // namespace hive::device
