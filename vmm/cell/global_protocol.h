// What a VMM and its monitor say to each other about global memory: packets of a SOCK_SEQPACKET
// socket, one struct each, in the host's byte order. The VMM is not trusted: its monitor checks
// each packet as hostile input.
//
// Which homes are closed (as their cells have failed) is the monitor's word: it sends ClosedHomes,
// of which the last counts, and the VMM repeats it once the guest finds all-ones in those, and none
// other, or nothing where it cannot. It tells of the writes there that it stops.
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
  kClosedHomes = 3,
  kMemoryFailures = 4,
};

struct ClosedHomes {
  GlobalMessage message = GlobalMessage::kClosedHomes;
  std::uint32_t reserved = 0;
  std::uint64_t homes = 0;  ///< Bit n: cell n.
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

/// How many writes of the guest and its devices to closed homes the VMM has stopped since its
/// start.
struct MemoryFailures {
  GlobalMessage message = GlobalMessage::kMemoryFailures;
  std::uint32_t reserved = 0;
  std::uint64_t count = 0;
};

static_assert(sizeof(GuardOffer) == 24 && offsetof(GuardOffer, base) == 8);
static_assert(sizeof(ClosedHomes) == 16 && offsetof(ClosedHomes, homes) == 8);
static_assert(sizeof(MemoryFailures) == 16 && offsetof(MemoryFailures, count) == 8);
static_assert(sizeof(GuestRequest) == 136 && offsetof(GuestRequest, request) == 8);
static_assert(std::is_trivially_copyable_v<GuardOffer> &&
              std::is_trivially_copyable_v<ClosedHomes> &&
              std::is_trivially_copyable_v<MemoryFailures> &&
              std::is_trivially_copyable_v<GuestRequest>);

}  // namespace hive::cell
