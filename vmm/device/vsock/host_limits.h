// How long the guest and the host may keep each other waiting.
#pragma once

#include <chrono>

namespace hive::device::vsock {

struct HostLimits {
  /// A call that the monitor, or the guest, has not answered for so long is over. Linux gives up
  /// after 2 seconds.
  std::chrono::milliseconds call{10'000};
  /// So long may a program take to read what a guest has sent that has closed its end.
  std::chrono::milliseconds drain{60'000};
};

}  // namespace hive::device::vsock
