// What the host's kernel says of a thread's time.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "vmm/base/unique_fd.h"

namespace hive::control {

/// One thread of another process, by /proc/PID/task/TID/schedstat.
class ThreadTimes {
 public:
  struct Sample {
    std::uint64_t ran = 0;     ///< Nanoseconds on a CPU.
    std::uint64_t waited = 0;  ///< Nanoseconds ready to run, without one.
  };

  /// THREAD may be none of PROCESS: then there is nothing to read.
  ThreadTimes(pid_t process, pid_t thread);

  /// Up to now, but for what the kernel has not booked yet. Nothing when the thread has ended, or
  /// the kernel keeps no such books (CONFIG_SCHED_INFO).
  [[nodiscard]] std::optional<Sample> read() const;
  /// The same, or what was read last where there is nothing any more; zeros where there never was.
  [[nodiscard]] Sample latest();

  static std::optional<Sample> parse(std::string_view text);

 private:
  UniqueFd file_;
  Sample latest_;
};

}  // namespace hive::control
