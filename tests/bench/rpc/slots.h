// Request and reply through slots in shared memory, with doorbells.
#pragma once

#include <chrono>

#include "tests/bench/rpc/ivshmem.h"
#include "tests/bench/rpc/trips.h"

namespace hive::bench {

/// When to ring the other side's doorbell.
enum class Ring {
  kAlways,    ///< With each message, as programs for ivshmem do: it has no other rule.
  kSleeping,  ///< Only where the other side has said that it sleeps.
};

struct SlotPolicy {
  Ring ring = Ring::kAlways;
  std::chrono::nanoseconds
      spin{};  ///< How long to look, with PAUSE between looks, before sleeping.
};

/// Each side writes its own half only. Serves for ever.
[[noreturn]] void serve_slots(Ivshmem& device, const SlotPolicy& policy);

/// A server serves already. Throws.
void call_slots(Ivshmem& device, const SlotPolicy& policy, const Task& task);

}  // namespace hive::bench
