// What a VMM and its monitor say to each other about vsock: packets of a SOCK_SEQPACKET socket, one
// struct each, in the host's byte order. The VMM is not trusted: its monitor checks each packet as
// hostile input. The monitor is trusted, but may be wrong: the VMM checks too.
//
// Packets between siblings never come this way: they go through rings (vmm/memory/ring_file.h). The
// monitors say which incarnations of the siblings are alive, and open the host's sockets, for which
// a sandboxed VMM has no right.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "vmm/base/ids.h"
#include "vmm/device/vsock/counters.h"
#include "vmm/device/vsock/path_faults.h"

namespace hive::cell {

using device::vsock::kPathFaultScale;
using device::vsock::PathFaults;
using device::vsock::VsockCounters;
using VsockGuestCounters = device::vsock::GuestCounters;

enum class VsockMessage : std::uint32_t {
  // Monitor to VMM.
  kPeerUp = 1,
  kPeerDown,
  kHostReply,
  kHostCall,
  kFaults,
  kAskCounters,
  // VMM to monitor.
  kHostOpen = 32,
  kCounters,
  kGuestCounters,
};

/// kPeerUp: the VMM of `incarnation` of a sibling runs: its packets count from now on, and it takes
/// what is sent to it.
/// kPeerDown: that one has ended, or has left the view: all connections to it are reset at once.
struct VsockPeerState {
  VsockMessage message{};
  std::uint32_t cell = 0;
  Incarnation incarnation = 0;
  std::uint32_t reserved = 0;
};

/// The guest calls port `port` of the host (CID 2).
struct VsockHostOpen {
  VsockMessage message = VsockMessage::kHostOpen;
  std::uint32_t request = 0;  ///< The VMM's number for it.
  std::uint32_t port = 0;
  std::uint32_t reserved = 0;
};

/// The answer: with one descriptor, a connected stream socket, where `error` is 0.
struct VsockHostReply {
  VsockMessage message = VsockMessage::kHostReply;
  std::uint32_t request = 0;
  std::int32_t error = 0;  ///< An errno value, for the log; the guest's call is refused.
  std::uint32_t reserved = 0;
};

/// With one descriptor, a connected stream socket: a program on the host calls the guest's port.
struct VsockHostCall {
  VsockMessage message = VsockMessage::kHostCall;
  std::uint32_t port = 0;
};

struct VsockFaults {
  VsockMessage message = VsockMessage::kFaults;
  std::uint32_t cell = 0;  ///< The sibling that the packets come from.
  PathFaults faults{};
};

/// Answered by a VsockCount for each sibling in the order of the configuration, and then a
/// VsockGuestCount.
struct VsockAskCounters {
  VsockMessage message = VsockMessage::kAskCounters;
  std::uint32_t tag = 0;  ///< The answers repeat it.
};

struct VsockCount {
  VsockMessage message = VsockMessage::kCounters;
  std::uint32_t tag = 0;
  std::uint32_t cell = 0;
  std::uint32_t reserved = 0;
  VsockCounters counters{};
};

struct VsockGuestCount {
  VsockMessage message = VsockMessage::kGuestCounters;
  std::uint32_t tag = 0;
  VsockGuestCounters counters{};
};

static_assert(sizeof(PathFaults) == 32 && sizeof(VsockCounters) == 112);
static_assert(sizeof(VsockPeerState) == 16 && sizeof(VsockHostOpen) == 16);
static_assert(sizeof(VsockHostReply) == 16 && sizeof(VsockHostCall) == 8);
static_assert(sizeof(VsockFaults) == 40 && sizeof(VsockAskCounters) == 8);
static_assert(sizeof(VsockCount) == 128 && offsetof(VsockCount, counters) == 16);
static_assert(sizeof(VsockGuestCount) == 40 && offsetof(VsockGuestCount, counters) == 8);
static_assert(std::is_trivially_copyable_v<VsockCount> &&
              std::is_trivially_copyable_v<VsockGuestCount> &&
              std::is_trivially_copyable_v<VsockFaults>);

}  // namespace hive::cell
