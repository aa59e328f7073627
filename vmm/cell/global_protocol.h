// What a VMM and its monitor say to each other about global memory: packets of a SOCK_SEQPACKET
// socket, one struct each, in the host's byte order. The VMM is not trusted: its monitor checks
// each packet as hostile input.
//
// Before its vCPUs start, the VMM offers a guard for each foreign contribution. From then on it
// forwards the guest's requests, one at a time, and the monitor sends a hive_global_reply for each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "guests/abi/global_memory.h"

namespace hive::cell {

enum class GlobalMessage : std::uint32_t {
  kGuard = 1,
  kRequest = 2,
};

/// With two descriptors: the write guard (vmm/memory/write_guard.h) and the socket for denials
/// (vmm/memory/denial.h), both for the monitor of cell `home`.
struct GuardOffer {
  GlobalMessage message = GlobalMessage::kGuard;
  std::uint32_t home = 0;
  std::uint64_t base = 0;  ///< Where the VMM has the contribution mapped.
  std::uint64_t size = 0;  ///< Bytes.
};

/// A request, copied from the device's registers and not checked.
struct GuestRequest {
  GlobalMessage message = GlobalMessage::kRequest;
  std::uint32_t reserved = 0;
  hive_global_request request{};
};

static_assert(sizeof(GuardOffer) == 24 && offsetof(GuardOffer, base) == 8);
static_assert(sizeof(GuestRequest) == 136 && offsetof(GuestRequest, request) == 8);
static_assert(std::is_trivially_copyable_v<GuardOffer> &&
              std::is_trivially_copyable_v<GuestRequest>);

}  // namespace hive::cell
