// How long a crash dump may take.
#pragma once

#include <chrono>

namespace hive::control {

/// From the failure of the guest on: then the dump is given up, and the cell goes on without.
inline constexpr std::chrono::milliseconds kDumpLimit{300'000};

}  // namespace hive::control
