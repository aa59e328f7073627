// An ivshmem device (QEMU: docs/specs/ivshmem-spec), as a user-space program of a stock guest has
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "guests/abi/global_memory.h"

namespace hive::bench {

/// Ways to sleep until a doorbell rings.
class Sleeper {
 public:
  Sleeper() = default;
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  virtual ~Sleeper() = default;
  /// Returns at once if it rang since sleep() returned last; may return early.
  virtual void sleep() = 0;
};

enum class Sleep {
  kVfio,  ///< MSI-X by vfio-pci and an eventfd.
  kUio,   ///< INTx by uio_pci_generic.
};

/// The first such device.
class Ivshmem {
 public:
  /// Throws std::runtime_error or std::system_error.
  explicit Ivshmem(Sleep sleep);

  static constexpr std::size_t kArea = std::size_t{1} << 20;

  /// This side's area of the memory, and the other's: the end of its half, since libhive's sections
  /// begin at the start.
  [[nodiscard]] std::byte* own() const { return area(position_); }
  [[nodiscard]] std::byte* other() const { return area(1 - position_); }

  /// Interrupts the other peer.
  void ring() const { registers_[kDoorbell] = (1 - position_) << 16; }
  /// See Sleeper.
  void sleep() { sleeper_->sleep(); }

 private:
  // Words of BAR0; the last one is Hive's.
  static constexpr unsigned kPosition = 2, kDoorbell = 3;
  static constexpr unsigned kPinMode = offsetof(hive_global_registers, pin_mode) / 4;

  [[nodiscard]] std::byte* area(std::uint32_t peer) const {
    return memory_ + (peer + 1) * half_ - kArea;
  }

  std::byte* memory_ = nullptr;
  std::size_t half_ = 0;
  volatile std::uint32_t* registers_ = nullptr;
  std::uint32_t position_ = 0;
  std::unique_ptr<Sleeper> sleeper_;
};

}  // namespace hive::bench
