// The registers by which a driver sets a virtio PCI device up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "vmm/device/virtio/virtqueue.h"

namespace hive::device {

/// Device status (virtio 1.2, 2.1).
enum VirtioStatus : std::uint8_t {
  kStatusAcknowledge = 0x01,
  kStatusDriver = 0x02,
  kStatusDriverOk = 0x04,
  kStatusFeaturesOk = 0x08,
  kStatusNeedsReset = 0x40,
  kStatusFailed = 0x80,
};

/// What a store to a register asks of the transport.
struct CommonConfigEffect {
  enum Kind {
    kNone,
    kReset,        ///< Reset the device; answer with CommonConfig::reset().
    kDriverReady,  ///< The driver has set DRIVER_OK.
    kEnableQueue,  ///< Take `queue` into use; answer with set_enabled().
    kResetQueue,   ///< Reset `queue`; answer with queue_was_reset().
  };
  Kind kind = kNone;
  unsigned queue = 0;
};

/// The common configuration structure (virtio 1.2, 4.1.4.3): what the driver wrote, and the rules
/// on when it may. Pure; not thread-safe.
class CommonConfig {
 public:
  static constexpr std::uint16_t kNoVector = 0xffff;

  /// FEATURES are offered. QUEUE_SIZES are the largest sizes. VECTORS is the MSI-X table's size.
  CommonConfig(std::uint64_t features, std::span<const std::uint16_t> queue_sizes,
               unsigned vectors);

  /// Accesses of any width; bytes that are no register read as 0.
  void read(std::uint64_t offset, std::span<std::byte> data) const;
  /// Stores of a width that is not the register's are ignored, except that 64-bit ones may be
  /// written whole or by halves.
  CommonConfigEffect write(std::uint64_t offset, std::span<const std::byte> data);

  /// Back to what it is after power-on.
  void reset();
  void set_enabled(unsigned queue) { queues_[queue].enabled = true; }
  void queue_was_reset(unsigned queue);
  /// Sets DEVICE_NEEDS_RESET.
  void set_needs_reset() { status_ |= kStatusNeedsReset; }
  /// Tells readers of the device's configuration that it has changed.
  void next_generation() { ++generation_; }

  [[nodiscard]] std::uint8_t status() const { return status_; }
  /// What both sides agreed on, once FEATURES_OK is set.
  [[nodiscard]] std::uint64_t features() const { return driver_features_; }
  [[nodiscard]] std::uint16_t config_vector() const { return config_vector_; }
  [[nodiscard]] std::uint16_t queue_vector(unsigned queue) const { return queues_[queue].vector; }
  [[nodiscard]] const VirtqueueSetup& setup(unsigned queue) const { return queues_[queue].setup; }

 private:
  struct Queue {
    std::uint16_t max_size = 0;
    VirtqueueSetup setup;
    std::uint16_t vector = kNoVector;
    bool enabled = false;
    bool resetting = false;
  };

  CommonConfigEffect write_register(std::uint64_t offset, std::uint32_t value, std::size_t width);
  CommonConfigEffect write_queue_register(std::uint64_t offset, std::uint32_t value,
                                          std::size_t width);
  CommonConfigEffect write_status(std::uint8_t value);
  [[nodiscard]] std::uint16_t valid_vector(std::uint32_t value) const;
  [[nodiscard]] bool features_acceptable() const;

  std::uint64_t offered_;
  unsigned vectors_;
  std::vector<Queue> queues_;
  std::uint32_t device_feature_select_ = 0;
  std::uint32_t driver_feature_select_ = 0;
  std::uint64_t driver_features_ = 0;
  std::uint16_t config_vector_ = kNoVector;
  std::uint16_t queue_select_ = 0;
  std::uint8_t status_ = 0;
  std::uint8_t generation_ = 0;
};

}  // namespace hive::device
