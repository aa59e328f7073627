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

namespace hive::cell {

/// What happens to packets on their way from one sibling to this cell, for experiments with faults.
/// Each rate is out of kPathFaultScale packets; 0 everywhere: nothing.
struct PathFaults {
  std::uint32_t drop = 0;
  std::uint32_t duplicate = 0;
  std::uint32_t reorder = 0;  ///< The packet changes places with the one after it.
  std::uint32_t corrupt = 0;  ///< One bit of the payload is flipped.
  std::uint32_t delay = 0;
  std::uint32_t delay_us = 0;  ///< How long those wait that `delay` chooses: up to a second.
  std::uint64_t seed = 0;      ///< The same seed and packets give the same faults.
};
inline constexpr std::uint32_t kPathFaultScale = 1'000'000;

/// Counts of one pair of cells since this VMM's start, by the VMM that counts.
struct VsockCounters {
  std::uint64_t packets_out = 0;  ///< To the sibling.
  std::uint64_t bytes_out = 0;    ///< Of payload.
  std::uint64_t packets_in = 0;   ///< From the sibling, handed to the guest.
  std::uint64_t bytes_in = 0;
  std::uint64_t malformed = 0;    ///< From the sibling: headers or records that break the rules.
  std::uint64_t stale = 0;        ///< From or for an incarnation that is not the present one.
  std::uint64_t refused = 0;      ///< Calls that the plan does not allow.
  std::uint64_t over_credit = 0;  ///< Payload that the receiver had not made room for.
  std::uint64_t overflows = 0;    ///< Packets for which the backlog had no room: a reset each.
  std::uint64_t throttled = 0;    ///< Times that the pair's rate was exceeded.
  std::uint64_t resets = 0;       ///< Connections that this VMM reset.
  std::uint64_t faults = 0;       ///< Packets to which PathFaults did something.
  std::uint64_t connections = 0;  ///< Open now.
};

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
};

/// kPeerUp: the VMM of `incarnation` of a sibling has been started: its packets count from now on.
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

/// Answered by a VsockCount for each sibling in the order of the configuration.
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

static_assert(sizeof(PathFaults) == 32 && sizeof(VsockCounters) == 104);
static_assert(sizeof(VsockPeerState) == 16 && sizeof(VsockHostOpen) == 16);
static_assert(sizeof(VsockHostReply) == 16 && sizeof(VsockHostCall) == 8);
static_assert(sizeof(VsockFaults) == 40 && sizeof(VsockAskCounters) == 8);
static_assert(sizeof(VsockCount) == 120 && offsetof(VsockCount, counters) == 16);
static_assert(std::is_trivially_copyable_v<VsockCount> &&
              std::is_trivially_copyable_v<VsockFaults>);

}  // namespace hive::cell
