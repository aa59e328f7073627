// The clock that pure cores are given the time of.
#pragma once

#include <chrono>
#include <cstdint>

namespace hive {

/// Nanoseconds of CLOCK_MONOTONIC. Comparable between processes of one host until it boots.
using MonotonicTime = std::uint64_t;

/// TIME of the same clock, as Asio's timers have it.
constexpr MonotonicTime monotonic(std::chrono::steady_clock::time_point time) {
  return static_cast<MonotonicTime>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count());
}

/// And back. TIME is below 2^63, which is 292 years.
constexpr std::chrono::steady_clock::time_point time_point_of(MonotonicTime time) {
  return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(time));
}

inline MonotonicTime monotonic_now() { return monotonic(std::chrono::steady_clock::now()); }

}  // namespace hive
