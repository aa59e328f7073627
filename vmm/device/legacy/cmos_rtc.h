// The PC's clock and CMOS memory.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>

#include "vmm/device/bus_device.h"

namespace hive::device {

/// An MC146818 as Linux expects one: BCD, 24 hours, never within an update (UIP is 0), a century
/// register at 0x32. Its time is the host's and cannot be set; alarms never fire. Attach at two
/// ports (index, data). Thread-safe.
class CmosRtc : public BusDevice {
 public:
  /// Seconds since 1970-01-01 00:00 UTC. Called on vCPU threads.
  using Clock = std::function<std::int64_t()>;

  /// Where the century is kept, for the FADT.
  static constexpr std::uint8_t kCenturyRegister = 0x32;

  explicit CmosRtc(Clock clock) : clock_(std::move(clock)) {}

  void read(std::uint64_t offset, std::span<std::byte> data) override;
  void write(std::uint64_t offset, std::span<const std::byte> data) override;

 private:
  [[nodiscard]] std::uint8_t load() const;

  Clock clock_;
  std::mutex mutex_;
  std::uint8_t index_ = 0;
  std::array<std::uint8_t, 128> memory_{};
};

}  // namespace hive::device
