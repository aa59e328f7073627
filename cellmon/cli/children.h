// Waiting for the end of child processes.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <vector>

#include "cellmon/cli/signal_fd.h"

namespace hive::cli {

/// Waits until the child processes PIDS have all ended, and reaps them. Those that are left after
/// LIMIT, or as soon as one of SIGNALS comes, are killed; the result is how many that were. Signals
/// of the first quarter of a second do not count: they belong to the one that ended what was
/// before.
std::size_t await_children(const std::vector<pid_t>& pids, std::chrono::milliseconds limit,
                           const SignalFd& signals);

}  // namespace hive::cli
