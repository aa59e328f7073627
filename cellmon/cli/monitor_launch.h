// Starting the monitors of a machine.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "cellmon/cli/signal_fd.h"
#include "cellmon/wire/monitor_process.h"

namespace hive::cli {

using LaunchedMonitor = wire::StartedMonitor;

/// The path of hive-cellmon beside this program. Throws Error.
std::string monitor_program();

/// Starts PROGRAM for cell INDEX of the machine whose plan is PLAN (JSON), as this process's child:
/// see wire::MonitorStart. Throws Error when it cannot be executed.
LaunchedMonitor launch_monitor(const std::string& program, const std::string& plan,
                               std::size_t index, const std::string& run_dir,
                               std::uint64_t life = 1);

/// Waits until MONITOR serves. Throws Error with its reason when it does not, at DEADLINE, or when
/// one of SIGNALS comes.
void await_ready(const LaunchedMonitor& monitor, std::chrono::steady_clock::time_point deadline,
                 const SignalFd& signals);

}  // namespace hive::cli
