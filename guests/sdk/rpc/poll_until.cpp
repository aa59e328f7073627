#include "guests/sdk/rpc/poll_until.h"

#include <algorithm>

namespace hive::rpc {

int poll_until(pollfd* polled, nfds_t count, Clock::time_point end) {
  const auto left = std::max(end - Clock::now(), Clock::duration::zero());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
  const timespec timeout{static_cast<time_t>(std::min<std::int64_t>(seconds.count(), 86400)),
                         static_cast<long>(std::chrono::nanoseconds(left - seconds).count())};
  return std::max(::ppoll(polled, count, &timeout, nullptr), 0);
}

}  // namespace hive::rpc
