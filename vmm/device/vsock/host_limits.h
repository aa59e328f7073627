// How long the guest and the host may keep each other waiting.
#pragma once

#include <chrono>

#include "vmm/device/vsock/connections.h"

namespace hive::device::vsock {

struct HostLimits {
  /// A call that the monitor, or the guest, has not answered for so long is over.
  std::chrono::milliseconds call{Connections::kCallLimit};
  /// So long may a program take to read what a guest has sent that has closed its end.
  std::chrono::milliseconds drain{60'000};
};

}  // namespace hive::device::vsock
