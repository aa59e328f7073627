// What the host's kernel says of a thread's time.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "vmm/base/unique_fd.h"

namespace hive::control {

/// One thread of another process, by schedstat and stat in /proc/PID/task/TID.
class ThreadTimes {
 public:
  struct Sample {
    std::uint64_t ran = 0;     ///< Nanoseconds on a CPU.
    std::uint64_t waited = 0;  ///< Nanoseconds ready to run, without one.

    friend bool operator==(const Sample&, const Sample&) = default;
  };

  /// The kernel books a wait when it is over. This adds one that goes on, as far as the thread is
  /// looked at meanwhile.
  class Waits {
   public:
    /// A thread on a CPU has its time booked more often than each so many nanoseconds: at each
    /// tick of the kernel's, of which the slowest (nohz_full) are a second apart. So shorter waits
    /// count once they are booked.
    static constexpr std::uint64_t kLongestUnbooked = 1'500'000'000;

    /// What the kernel has booked by NOW, in nanoseconds of the host's monotonic clock, and whether
    /// the thread is on a CPU or ready to be. No sample has a shorter wait than the one before it.
    Sample add(const Sample& booked, bool is_ready, std::uint64_t now);

   private:
    Sample booked_;
    /// Since when it has been seen ready, with no time booked; 0: it was not.
    std::uint64_t ready_since_ = 0;
    std::uint64_t before_ = 0;  ///< Its waits until then.
    std::uint64_t waited_ = 0;
  };

  /// THREAD may be none of PROCESS: then there is nothing to read.
  ThreadTimes(pid_t process, pid_t thread);

  /// Up to now, but for a CPU's time that the kernel has not booked yet. Nothing when the thread
  /// has ended, or the kernel has no such file (CONFIG_SCHED_INFO).
  [[nodiscard]] std::optional<Sample> read();
  /// The same, or what was read last where there is nothing any more; zeros where there never was.
  [[nodiscard]] Sample latest();

  static std::optional<Sample> parse(std::string_view text);
  /// Whether STAT, as of proc(5), is of a thread that runs or is ready to.
  static bool is_ready(std::string_view stat);

 private:
  UniqueFd books_;
  UniqueFd stat_;
  Waits waits_;
  Sample latest_;
};

}  // namespace hive::control
