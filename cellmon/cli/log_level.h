// How much VMMs log.
#pragma once

namespace hive::cli {

/// Throws Error (kUsage) when the environment's HIVE_LOG, which monitors hand to their VMMs, is no
/// level.
void check_log_level();

}  // namespace hive::cli
