// What is counted of the packets between two cells.
#pragma once

#include <cstdint>

namespace hive::device::vsock {

/// Counts of one pair of cells since this VMM's start, by the VMM that counts.
struct VsockCounters {
  std::uint64_t packets_out = 0;  ///< To the sibling.
  std::uint64_t bytes_out = 0;    ///< Of payload.
  std::uint64_t packets_in = 0;   ///< From the sibling, handed to the guest.
  std::uint64_t bytes_in = 0;
  std::uint64_t delay_us = 0;     ///< What those took from the sibling's guest on, as it says.
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

/// Counts since this VMM's start of what the guest and the host do with each other.
struct HostCounters {
  std::uint64_t connections = 0;  ///< With programs on the host, now.
  std::uint64_t expired = 0;      ///< Calls, either way, that were not answered in time.
  std::uint64_t cut = 0;          ///< Programs that have not taken all that the guest had sent.
};

/// Counts since this VMM's start of what concerns no sibling.
struct GuestCounters {
  std::uint64_t malformed = 0;  ///< Packets of the guest that break the rules: dropped.
  HostCounters host;
};

}  // namespace hive::device::vsock
