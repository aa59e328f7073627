// Starting the monitors of a machine.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "cellmon/cli/signal_fd.h"
#include "vmm/base/unique_fd.h"

namespace hive::cli {

/// A hive-cellmon that was started.
struct LaunchedMonitor {
  pid_t pid = -1;
  UniqueFd ready;  ///< Readable when the monitor serves, or could not.
};

/// The path of hive-cellmon beside this program. Throws Error.
std::string monitor_program();

/// Starts PROGRAM for cell INDEX of the machine whose plan is PLAN (JSON). It inherits nothing but
/// the plan, its end of the pipe and the standard streams, in a session of its own. LIFE is 1 where
/// the machine is started with it, else a higher number than that of any that the cell has had, as
/// the monotonic clock's nanoseconds are. Throws Error when it cannot be executed.
LaunchedMonitor launch_monitor(const std::string& program, const std::string& plan,
                               std::size_t index, const std::string& run_dir,
                               std::uint64_t life = 1);

/// Waits until MONITOR serves. Throws Error with its reason when it does not, at DEADLINE, or when
/// one of SIGNALS comes.
void await_ready(const LaunchedMonitor& monitor, std::chrono::steady_clock::time_point deadline,
                 const SignalFd& signals);

}  // namespace hive::cli
