// The clock of the device, and times in records of rings, which tell how long packets take.
#pragma once

#include <chrono>
#include <cstdint>

namespace hive::device::vsock {

using Clock = std::chrono::steady_clock;

/// TIME in microseconds of the host's steady clock, which all cells share, modulo 2^32.
constexpr std::uint32_t stamp(Clock::time_point time) {
  using std::chrono::microseconds;
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<microseconds>(time.time_since_epoch()).count());
}

/// Microseconds from SENT, another VMM's word, until NOW: 0 where that lies ahead, and half an hour
/// at most.
constexpr std::uint32_t since(std::uint32_t sent, std::uint32_t now) {
  constexpr std::uint32_t kAhead = 1U << 31;
  const std::uint32_t passed = now - sent;
  return passed < kAhead ? passed : 0;
}

}  // namespace hive::device::vsock
