// The programs, but for main().
#pragma once

#include <iosfwd>

#include "guests/sdk/device.h"

namespace hive::workloads {

/// hive-ocean and hive-raytrace. The exit status. PATHS are where the machine's device is.
int run_ocean(int argc, const char* const* argv, std::ostream& out, std::ostream& err,
              const sdk::DevicePaths& paths);
int run_raytrace(int argc, const char* const* argv, std::ostream& out, std::ostream& err,
                 const sdk::DevicePaths& paths);

}  // namespace hive::workloads
