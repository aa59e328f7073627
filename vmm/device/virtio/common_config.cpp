#include "vmm/device/virtio/common_config.h"

#include <linux/virtio_config.h>

#include <array>
#include <cstddef>
#include <cstring>

#include "vmm/device/virtio/features.h"

namespace hive::device {
namespace {

/// The registers' layout.
struct Registers {
  std::uint32_t device_feature_select;
  std::uint32_t device_feature;
  std::uint32_t driver_feature_select;
  std::uint32_t driver_feature;
  std::uint16_t config_vector;
  std::uint16_t num_queues;
  std::uint8_t status;
  std::uint8_t generation;
  std::uint16_t queue_select;
  std::uint16_t queue_size;
  std::uint16_t queue_vector;
  std::uint16_t queue_enable;
  std::uint16_t queue_notify_offset;
  std::uint64_t queue_descriptors;
  std::uint64_t queue_available;
  std::uint64_t queue_used;
  std::uint16_t queue_notify_data;
  std::uint16_t queue_reset;
  std::uint32_t padding;
};
static_assert(offsetof(Registers, status) == 0x14);
static_assert(offsetof(Registers, queue_descriptors) == 0x20);
static_assert(offsetof(Registers, queue_reset) == 0x3a);
static_assert(sizeof(Registers) == 0x40);

constexpr std::uint8_t kDriverSets =
    kStatusAcknowledge | kStatusDriver | kStatusDriverOk | kStatusFeaturesOk | kStatusFailed;

/// The 32 features that SELECT shows.
std::uint32_t half(std::uint64_t features, std::uint32_t select) {
  return select < 2 ? static_cast<std::uint32_t>(features >> (32 * select)) : 0;
}

void set_half(std::uint64_t& word, unsigned select, std::uint32_t value) {
  if (select >= 2) return;
  const unsigned shift = 32 * select;
  word = (word & ~(std::uint64_t{0xffff'ffff} << shift)) | std::uint64_t{value} << shift;
}

}  // namespace

CommonConfig::CommonConfig(std::uint64_t features, std::span<const std::uint16_t> queue_sizes,
                           unsigned vectors)
    : offered_(features), vectors_(vectors), queues_(queue_sizes.size()) {
  for (std::size_t i = 0; i < queues_.size(); ++i) queues_[i].max_size = queue_sizes[i];
  reset();
}

void CommonConfig::reset() {
  device_feature_select_ = driver_feature_select_ = 0;
  driver_features_ = 0;
  config_vector_ = kNoVector;
  queue_select_ = 0;
  status_ = 0;
  for (unsigned queue = 0; queue < queues_.size(); ++queue) queue_was_reset(queue);
}

void CommonConfig::queue_was_reset(unsigned queue) {
  Queue fresh;
  fresh.setup.size = fresh.max_size = queues_[queue].max_size;
  queues_[queue] = fresh;
}

void CommonConfig::read(std::uint64_t offset, std::span<std::byte> data) const {
  Registers registers{};
  registers.device_feature_select = device_feature_select_;
  registers.device_feature = half(offered_, device_feature_select_);
  registers.driver_feature_select = driver_feature_select_;
  registers.driver_feature = half(driver_features_, driver_feature_select_);
  registers.config_vector = config_vector_;
  registers.num_queues = static_cast<std::uint16_t>(queues_.size());
  registers.status = status_;
  registers.generation = generation_;
  registers.queue_select = queue_select_;
  if (queue_select_ < queues_.size()) {
    const Queue& queue = queues_[queue_select_];
    registers.queue_size = queue.setup.size;
    registers.queue_vector = queue.vector;
    registers.queue_enable = queue.enabled ? 1 : 0;
    registers.queue_notify_offset = queue_select_;
    registers.queue_descriptors = queue.setup.descriptors;
    registers.queue_available = queue.setup.available;
    registers.queue_used = queue.setup.used;
    registers.queue_notify_data = queue_select_;
    registers.queue_reset = queue.resetting ? 1 : 0;
  }
  const auto bytes = std::as_bytes(std::span(&registers, 1));
  for (std::size_t i = 0; i < data.size(); ++i) {
    data[i] = offset < bytes.size() && i < bytes.size() - offset ? bytes[offset + i] : std::byte{0};
  }
}

CommonConfigEffect CommonConfig::write(std::uint64_t offset, std::span<const std::byte> data) {
  std::array<std::uint32_t, 2> words{};
  if (data.size() > sizeof words) return {};
  std::memcpy(words.data(), data.data(), data.size());
  if (data.size() != 8) return write_register(offset, words[0], data.size());
  // Only the addresses have 64 bits, and those have no effects.
  if (offset < offsetof(Registers, queue_descriptors)) return {};
  write_register(offset, words[0], 4);
  write_register(offset + 4, words[1], 4);
  return {};
}

CommonConfigEffect CommonConfig::write_register(std::uint64_t offset, std::uint32_t value,
                                                std::size_t width) {
  switch (offset << 4 | width) {
    case offsetof(Registers, device_feature_select) << 4 | 4:
      device_feature_select_ = value;
      return {};
    case offsetof(Registers, driver_feature_select) << 4 | 4:
      driver_feature_select_ = value;
      return {};
    case offsetof(Registers, driver_feature) << 4 | 4:
      // Fixed once agreed on (virtio 1.2, 2.2.1).
      if ((status_ & kStatusFeaturesOk) == 0) {
        set_half(driver_features_, driver_feature_select_, value);
      }
      return {};
    case offsetof(Registers, config_vector) << 4 | 2:
      config_vector_ = valid_vector(value);
      return {};
    case offsetof(Registers, status) << 4 | 1:
      return write_status(static_cast<std::uint8_t>(value));
    case offsetof(Registers, queue_select) << 4 | 2:
      queue_select_ = static_cast<std::uint16_t>(value);
      return {};
    default:
      return write_queue_register(offset, value, width);
  }
}

CommonConfigEffect CommonConfig::write_queue_register(std::uint64_t offset, std::uint32_t value,
                                                      std::size_t width) {
  if (queue_select_ >= queues_.size()) return {};
  Queue& queue = queues_[queue_select_];
  if (offset == offsetof(Registers, queue_vector) && width == 2) {
    queue.vector = valid_vector(value);
    return {};
  }
  if (offset == offsetof(Registers, queue_reset) && width == 2) {
    const bool can_reset =
        (driver_features_ & feature_bit(VIRTIO_F_RING_RESET)) != 0 && queue.enabled;
    if (value != 1 || !can_reset || queue.resetting) return {};
    queue.resetting = true;
    return {CommonConfigEffect::kResetQueue, queue_select_};
  }
  // A queue in use is not to be changed (virtio 1.2, 4.1.4.3.2).
  if (queue.enabled) return {};
  if (offset == offsetof(Registers, queue_size) && width == 2) {
    queue.setup.size = static_cast<std::uint16_t>(value);
  } else if (offset == offsetof(Registers, queue_enable) && width == 2) {
    const bool may_enable = (status_ & kStatusFeaturesOk) != 0;
    if (value == 1 && may_enable) return {CommonConfigEffect::kEnableQueue, queue_select_};
  } else if (offset >= offsetof(Registers, queue_descriptors) &&
             offset < offsetof(Registers, queue_notify_data) && offset % 4 == 0 && width == 4) {
    std::uint64_t* const addresses[] = {&queue.setup.descriptors, &queue.setup.available,
                                        &queue.setup.used};
    const std::uint64_t at = offset - offsetof(Registers, queue_descriptors);
    set_half(*addresses[at / 8], at % 8 / 4, value);
  }
  return {};
}

CommonConfigEffect CommonConfig::write_status(std::uint8_t value) {
  if (value == 0) return {CommonConfigEffect::kReset};
  // The driver only ever adds bits; it cannot take back what it said but by a reset.
  unsigned added = value & ~unsigned{status_} & kDriverSets;
  if ((added & kStatusFeaturesOk) != 0 && !features_acceptable()) {
    added &= ~unsigned{kStatusFeaturesOk};
  }
  const bool agreed = ((status_ | added) & kStatusFeaturesOk) != 0;
  if (!agreed) added &= ~unsigned{kStatusDriverOk};
  status_ = static_cast<std::uint8_t>(status_ | added);
  const bool ready = (added & kStatusDriverOk) != 0;
  return {ready ? CommonConfigEffect::kDriverReady : CommonConfigEffect::kNone};
}

/// No legacy drivers, and nothing that was not offered.
bool CommonConfig::features_acceptable() const {
  return (driver_features_ & feature_bit(VIRTIO_F_VERSION_1)) != 0 &&
         (driver_features_ & ~offered_) == 0;
}

std::uint16_t CommonConfig::valid_vector(std::uint32_t value) const {
  return value < vectors_ ? static_cast<std::uint16_t>(value) : kNoVector;
}

}  // namespace hive::device
