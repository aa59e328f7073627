// Request and reply over a stream socket, TCP or AF_VSOCK: the socket alone, no RPC above it.
#pragma once

#include <string>

#include "tests/bench/rpc/trips.h"

namespace hive::bench {

enum class Family { kTcp, kVsock };

/// Serves one connection after the other, for ever. Throws.
[[noreturn]] void serve_socket(Family family, unsigned port);

/// HOST: an IPv4 address, or a CID. Throws.
void call_socket(Family family, const std::string& host, unsigned port, const Task& task);

}  // namespace hive::bench
