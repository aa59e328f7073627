// Calls of libhive's RPC.
#pragma once

#include <string>

#include "guests/sdk/rpc/link.h"
#include "tests/bench/rpc/trips.h"

namespace hive::bench {

/// Serves for ever. Throws std::runtime_error.
[[noreturn]] void serve_calls();

/// Calls the service in CELL, a name or a number, through PATH. Throws std::runtime_error.
void call_service(const std::string& cell, rpc::Path path, const Task& task);

}  // namespace hive::bench
