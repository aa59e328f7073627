#include "vmm/device/vsock/path_faults.h"

#include <algorithm>
#include <utility>

namespace hive::device::vsock {

void FaultStage::set(const PathFaults& faults) {
  faults_ = faults;
  faults_.delay_us = std::min(faults.delay_us, 1'000'000U);
  any_ = (faults.drop | faults.duplicate | faults.reorder | faults.corrupt | faults.delay) != 0;
  random_.seed(faults.seed);
}

bool FaultStage::happens(std::uint32_t rate) {
  // Always asked, so that one rate does not change what the others do. The bias is 2^-44.
  return random_() % kPathFaultScale < rate;
}

void FaultStage::add(HeldPacket packet) {
  // Behind one that waits: the path keeps its order but for `reorder`.
  if (!held_.empty()) packet.due = std::max(packet.due, held_.back().due);
  held_.push_back(std::move(packet));
}

bool FaultStage::push(HeldPacket packet, Clock::time_point now) {
  const bool drop = happens(faults_.drop);
  const bool duplicate = happens(faults_.duplicate);
  const bool reorder = happens(faults_.reorder);
  const bool corrupt = happens(faults_.corrupt) && !packet.payload.empty();
  const bool delay = happens(faults_.delay);
  const std::uint64_t place = random_();
  if (drop) return true;
  packet.due = delay ? now + std::chrono::microseconds(faults_.delay_us) : now;
  if (corrupt) {
    const std::uint64_t bit = place % (packet.payload.size() * 8);
    packet.payload[bit / 8] ^= std::byte{1} << (bit % 8);
  }
  if (reorder && !swapped_) {
    packet.due = std::max(packet.due, now + kSwapLimit);
    swapped_ = std::move(packet);
    return true;
  }
  if (duplicate) add(packet);
  add(std::move(packet));
  if (swapped_) {
    swapped_->due = now;
    add(*std::exchange(swapped_, std::nullopt));
  }
  return duplicate || corrupt || delay;
}

const HeldPacket* FaultStage::front(Clock::time_point now) {
  if (held_.empty() && swapped_ && swapped_->due <= now) {
    add(*std::exchange(swapped_, std::nullopt));
  }
  return !held_.empty() && held_.front().due <= now ? &held_.front() : nullptr;
}

std::optional<Clock::time_point> FaultStage::next() const {
  if (!held_.empty()) return held_.front().due;
  if (swapped_) return swapped_->due;
  return std::nullopt;
}

void FaultStage::clear() {
  held_.clear();
  swapped_.reset();
}

}  // namespace hive::device::vsock
