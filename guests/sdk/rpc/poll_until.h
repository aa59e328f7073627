// poll(2) with an end.
#pragma once

#include <poll.h>

#include "guests/sdk/rpc/link.h"

namespace hive::rpc {

/// Waits until END for one of COUNT descriptors; how many are ready. An interruption counts as a
/// time-out.
int poll_until(pollfd* polled, nfds_t count, Clock::time_point end);

}  // namespace hive::rpc
