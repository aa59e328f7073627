// Where the logs and consoles of running machines are.
#pragma once

#include <string>

namespace hive::cli {

/// $HIVE_RUNTIME_DIR; else /run/hive for root, $XDG_RUNTIME_DIR/hive, or /tmp/hive-UID. Made when
/// it is not there. Throws Error when it cannot be, or is another user's.
std::string ensure_run_dir();

}  // namespace hive::cli
