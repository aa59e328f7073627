// Request and reply through slots in shared memory, with doorbells.
#pragma once

#include "tests/bench/rpc/ivshmem.h"
#include "tests/bench/rpc/trips.h"

namespace hive::bench {

/// When to ring the other side's doorbell.
enum class Ring {
  kAlways,    ///< With each message, as programs for ivshmem do: it has no other rule.
  kSleeping,  ///< Only where the other side has said that it sleeps.
};

/// Each side writes its own half only, and spins before it sleeps as libhive does. Serves for ever.
[[noreturn]] void serve_slots(Ivshmem& device, Ring ring);

/// A server serves already. Throws.
void call_slots(Ivshmem& device, Ring ring, const Task& task);

}  // namespace hive::bench
