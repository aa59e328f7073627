// What the host's kernel says of a process's time and memory.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace hive::control {

/// CPU time of all threads that a process has or had (/proc/PID/stat).
struct ProcessTimes {
  double guest = 0;  ///< Seconds, in guests of KVM.
  double own = 0;    ///< Seconds, in the program and in the kernel for it.
};

/// Memory that is no shared memory, such as guest RAM is, in bytes (/proc/PID/status). Reading it
/// takes the same time however much memory the process has, which smaps_rollup does not.
struct ProcessMemory {
  std::uint64_t anonymous = 0;
  std::uint64_t files = 0;        ///< Of programs and libraries, all of what is mapped and there.
  std::uint64_t page_tables = 0;  ///< Those of guest RAM included.
};

/// Nothing when there is no such process.
std::optional<ProcessTimes> read_times(pid_t process);
std::optional<ProcessMemory> read_memory(pid_t process);

/// TICKS: clock ticks a second (sysconf(_SC_CLK_TCK)).
std::optional<ProcessTimes> parse_times(std::string_view stat, long ticks);
std::optional<ProcessMemory> parse_memory(std::string_view status);

}  // namespace hive::control
