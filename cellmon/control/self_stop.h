// Stopping this process for a while.
#pragma once

#include <chrono>

namespace hive::control {

/// Stops this process for DURATION, as SIGSTOP does, and returns when it goes on. The kernel
/// continues it, since it cannot do that itself. False, and not stopped, where the host has no
/// timer for that. For one thread at a time.
bool stop_self_for(std::chrono::milliseconds duration);

}  // namespace hive::control
