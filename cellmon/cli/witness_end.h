// The end of a machine's witness, which has no control socket.
#pragma once

#include <chrono>
#include <string>

namespace hive::cli {

/// Waits until MACHINE has no witness: it ends by itself once the cells' monitors have. One that
/// has not ended at DEADLINE is killed: it has nothing to lose. Whether there is none.
bool await_witness_end(const std::string& machine, std::chrono::steady_clock::time_point deadline);

}  // namespace hive::cli
