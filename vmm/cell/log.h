// Where a program's log goes.
#pragma once

namespace hive::cell {

/// Sends spdlog's default log to standard error, plain, at the level of the environment variable
/// HIVE_LOG (trace, debug, info, warn, error, off; info when unset).
void set_up_log();

}  // namespace hive::cell
