// Settings of a VMM process as a whole.
#pragma once

namespace hive::cell {

/// Keeps the process small: one malloc arena, and thread stacks of 256 KiB, which transparent huge
/// pages cannot blow up to 2 MiB each. Call before the first thread starts.
void limit_process_memory();

}  // namespace hive::cell
