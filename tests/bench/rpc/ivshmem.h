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
  /// Returns at once if it rang since sleep() returned last; may return early. ATTEMPT counts the
  /// sleeps of one wait, from 0.
  virtual void sleep(unsigned attempt) = 0;
};

enum class Sleep {
  kTimer,  ///< No interrupt: nanosleep, 20 us at first, then ever longer, up to 2 ms.
  kVfio,   ///< MSI-X by vfio-pci and an eventfd.
  kUio,    ///< INTx by uio_pci_generic.
};

/// The first such device.
class Ivshmem {
 public:
  /// Throws std::runtime_error or std::system_error.
  explicit Ivshmem(Sleep sleep);

  /// This side's half of the memory, and the other's: peers 0 and 1 have one each.
  [[nodiscard]] std::byte* own() const { return memory_ + position_ * half_; }
  [[nodiscard]] std::byte* other() const { return memory_ + (1 - position_) * half_; }
  [[nodiscard]] std::size_t half() const { return half_; }

  /// Interrupts the other peer.
  void ring() const { registers_[kDoorbell] = (1 - position_) << 16; }
  /// See Sleeper.
  void sleep(unsigned attempt) { sleeper_->sleep(attempt); }

 private:
  // Words of BAR0; the last one is Hive's.
  static constexpr unsigned kPosition = 2, kDoorbell = 3;
  static constexpr unsigned kPinMode = offsetof(hive_global_registers, pin_mode) / 4;

  std::byte* memory_ = nullptr;
  std::size_t half_ = 0;
  volatile std::uint32_t* registers_ = nullptr;
  std::uint32_t position_ = 0;
  std::unique_ptr<Sleeper> sleeper_;
};

}  // namespace hive::bench
