// The end of a machine's witness, which has no control socket.
#pragma once

#include <chrono>
#include <string>

namespace hive::cli {

/// Waits until MACHINE has no witness, at most until DEADLINE: it ends by itself once the cells'
/// monitors have. With FORCE, one that has not ended then is killed. Whether there is none.
bool await_witness_end(const std::string& machine, std::chrono::steady_clock::time_point deadline,
                       bool force);

}  // namespace hive::cli
