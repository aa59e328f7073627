// Calls of libhive's RPC.
#pragma once

#include <string>

#include "tests/bench/rpc/trips.h"

namespace hive::bench {

/// Serves for ever. Throws std::runtime_error.
[[noreturn]] void serve_calls();

/// Calls the service in CELL, a name or a number. Throws std::runtime_error.
void call_service(const std::string& cell, const Task& task);

}  // namespace hive::bench
