#include "vmm/device/global/global_registers.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace hive::device {
namespace {

static_assert(std::endian::native == std::endian::little, "the image is the guest's own");

constexpr std::uint64_t kDoorbell = offsetof(hive_global_registers, doorbell);
constexpr std::uint64_t kPinMode = offsetof(hive_global_registers, pin_mode);
constexpr Range kRequest{offsetof(hive_global_registers, request), sizeof(hive_global_request)};
constexpr Range kSubmit{offsetof(hive_global_registers, submit), sizeof(std::uint32_t)};

}  // namespace

GlobalRegisters::GlobalRegisters(const GlobalFacts& facts, RequestSink on_request,
                                 DoorbellSink on_doorbell)
    : on_request_(std::move(on_request)), on_doorbell_(std::move(on_doorbell)) {
  image_.iv_position = facts.cell;
  image_.magic = HIVE_GLOBAL_MAGIC;
  image_.version = HIVE_GLOBAL_VERSION;
  image_.cell = facts.cell;
  image_.cells = static_cast<std::uint32_t>(facts.parts.size());
  image_.window_start = facts.window.start;
  image_.window_size = facts.window.size;
  image_.incarnation = facts.incarnation;
  image_.vectors = HIVE_GLOBAL_VECTORS;
  const std::size_t count = std::min<std::size_t>(facts.parts.size(), HIVE_GLOBAL_MAX_CELLS);
  for (std::size_t i = 0; i < count; ++i) {
    if (facts.parts[i].size != 0) image_.parts[i] = {facts.parts[i].start, facts.parts[i].size};
  }
}

void GlobalRegisters::read(std::uint64_t offset, std::span<std::byte> data) const {
  std::fill(data.begin(), data.end(), std::byte{0});
  if (data.empty() || offset >= sizeof image_) return;
  const std::size_t count = std::min<std::size_t>(data.size(), sizeof image_ - offset);
  std::memcpy(data.data(), reinterpret_cast<const std::byte*>(&image_) + offset, count);
}

void GlobalRegisters::write(std::uint64_t offset, std::span<const std::byte> data) {
  if (data.empty() || offset >= sizeof image_) return;
  const Range target{offset, data.size()};
  if (offset == kDoorbell && data.size() == sizeof(std::uint32_t)) {
    std::uint32_t value = 0;
    std::memcpy(&value, data.data(), sizeof value);
    return on_doorbell_(value);
  }
  if (offset == kPinMode && data.size() == sizeof image_.pin_mode) {
    std::memcpy(&image_.pin_mode, data.data(), sizeof image_.pin_mode);
    image_.pin_mode &= HIVE_GLOBAL_PIN_ALWAYS;
    return;
  }
  if (busy()) return;
  if (target.overlaps(kRequest)) write_request(offset, data);
  if (!target.overlaps(kSubmit)) return;
  image_.state = HIVE_GLOBAL_BUSY;
  const hive_global_request copy = image_.request;
  on_request_(copy);
}

void GlobalRegisters::write_request(std::uint64_t offset, std::span<const std::byte> data) {
  const std::uint64_t start = std::max(offset, kRequest.start);
  const std::uint64_t end = std::min(offset + data.size(), kRequest.end());
  std::memcpy(reinterpret_cast<std::byte*>(&image_) + start, data.data() + (start - offset),
              end - start);
}

void GlobalRegisters::answer(const hive_global_reply& reply) {
  if (!busy()) return;
  image_.reply = reply;
  image_.state = HIVE_GLOBAL_ANSWERED;
}

}  // namespace hive::device
