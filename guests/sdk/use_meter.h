// Counts how often a program uses sections, so that few of its calls have to tell the monitor.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>

namespace hive::sdk {

/// Thread-safe, and bounded: where a program uses more than kMost sections at a time, the counts of
/// those that were told of least recently are lost.
class UseMeter {
 public:
  using Time = std::chrono::steady_clock::time_point;

  static constexpr std::size_t kMost = 32;
  /// Between two times that the uses of one section are told.
  static constexpr std::chrono::milliseconds kPeriod{1'000};

  /// Section NUMBER of HOME was used COUNT times more: how many uses are to be told now, 0 where it
  /// is not time yet.
  std::uint64_t add(std::uint32_t home, std::uint32_t number, std::uint64_t count, Time now);

 private:
  struct Entry {
    std::uint32_t home = 0;
    std::uint32_t number = 0;  ///< 0: free.
    std::uint64_t count = 0;
    Time told{};  ///< When they were told last, or counted first.
  };

  std::mutex mutex_;
  std::array<Entry, kMost> entries_{};
};

}  // namespace hive::sdk
