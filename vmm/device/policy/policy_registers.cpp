#include "vmm/device/policy/policy_registers.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "vmm/base/range.h"

namespace hive::device {
namespace {

static_assert(std::endian::native == std::endian::little, "the image is the guest's own");

constexpr Range kNow{offsetof(hive_wax_registers, now_ns), sizeof(std::uint64_t)};
constexpr Range kHeartbeat{offsetof(hive_wax_registers, heartbeat), sizeof(std::uint64_t)};
constexpr Range kHint{offsetof(hive_wax_registers, hint), sizeof(hive_wax_hint)};
constexpr Range kWaxSubmit{offsetof(hive_wax_registers, submit), sizeof(std::uint32_t)};

}  // namespace

PolicyRegisters::PolicyRegisters(const PolicyFacts& facts, Clock clock, HintSink on_hint,
                                 BeatSink on_beat)
    : clock_(std::move(clock)),
      on_hint_(std::move(on_hint)),
      on_beat_(std::move(on_beat)),
      hints_(HIVE_WAX_HINT_RATE * std::max(facts.cells, 1U), HIVE_WAX_MAX_HINTS),
      beats_(HIVE_WAX_MAX_BEATS * 1000 /
                 std::clamp(facts.round_ms, HIVE_WAX_MIN_ROUND, HIVE_WAX_MAX_ROUND),
             HIVE_WAX_MAX_BEATS) {
  image_.magic = HIVE_WAX_MAGIC;
  image_.version = HIVE_WAX_VERSION;
  image_.cells = facts.cells;
  image_.cpus = facts.cpus;
  image_.epoch = facts.epoch;
  image_.incarnation = facts.incarnation;
  image_.round_ms = facts.round_ms;
}

void PolicyRegisters::read(std::uint64_t offset, std::span<std::byte> data) {
  std::fill(data.begin(), data.end(), std::byte{0});
  if (data.empty() || offset >= sizeof image_) return;
  if (kNow.overlaps({offset, data.size()})) image_.now_ns = clock_();
  const std::size_t count = std::min<std::size_t>(data.size(), sizeof image_ - offset);
  std::memcpy(data.data(), reinterpret_cast<const std::byte*>(&image_) + offset, count);
}

void PolicyRegisters::write(std::uint64_t offset, std::span<const std::byte> data) {
  if (data.empty() || offset >= sizeof image_) return;
  const Range target{offset, data.size()};
  for (const Range& field : {kHeartbeat, kHint}) {
    if (!target.overlaps(field)) continue;
    const std::uint64_t start = std::max(offset, field.start);
    const std::uint64_t end = std::min(offset + data.size(), field.end());
    std::memcpy(reinterpret_cast<std::byte*>(&image_) + start, data.data() + (start - offset),
                end - start);
  }
  if (target.overlaps(kHeartbeat)) beat();
  if (target.overlaps(kWaxSubmit)) submit();
}

void PolicyRegisters::submit() {
  if (!hints_.take(clock_())) {
    ++image_.dropped;
    return;
  }
  const hive_wax_hint copy = image_.hint;
  if (!on_hint_(copy)) ++image_.dropped;
}

void PolicyRegisters::beat() {
  if (!beats_.take(clock_())) return;
  on_beat_(image_.heartbeat, image_.dropped);
}

}  // namespace hive::device
