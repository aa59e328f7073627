// What the VMM of Wax tells its monitor: packets of a SOCK_SEQPACKET socket, one struct each, in
// the host's byte order. Neither Wax nor its VMM is trusted: the monitor checks each packet as
// hostile input, and each hint then (policy/hint_words.h, policy/check.h). The monitor says nothing
// here.
//
// At once come at most HIVE_WAX_MAX_HINTS hints, and HIVE_WAX_HINT_RATE a second for each cell of
// the machine after that; in each round a few words on how it does. A monitor reads no more than
// that of a VMM that does not keep to it. What does not fit into the socket is lost; nobody waits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>
#include <variant>

#include "guests/abi/wax.h"

namespace hive::cell {

enum class PolicyMessage : std::uint32_t {
  kHint = 1,
  kBeat = 2,
};

/// A hint, copied from the device's mailbox and not checked.
struct PolicyHint {
  PolicyMessage message = PolicyMessage::kHint;
  std::uint32_t reserved = 0;
  hive_wax_hint hint{};
};

/// After the hints of a round.
struct PolicyBeat {
  PolicyMessage message = PolicyMessage::kBeat;
  std::uint32_t reserved = 0;
  std::uint64_t rounds = 0;   ///< That Wax has done, as it says.
  std::uint64_t dropped = 0;  ///< Hints that were one too many, or found no room in the socket.
};

static_assert(sizeof(PolicyHint) == 40 && offsetof(PolicyHint, hint) == 8);
static_assert(sizeof(PolicyBeat) == 24 && offsetof(PolicyBeat, rounds) == 8);
static_assert(std::is_trivially_copyable_v<PolicyHint> && std::is_trivially_copyable_v<PolicyBeat>);

/// Longer packets are none of these; a buffer has a byte more, to see them.
inline constexpr std::size_t kMaxPolicyPacket = sizeof(PolicyHint);

using PolicyPacket = std::variant<PolicyHint, PolicyBeat>;

/// What BYTES, a whole packet, say; nothing where they are none. What is in it is not checked.
std::optional<PolicyPacket> parse_policy_packet(std::span<const std::byte> bytes);

}  // namespace hive::cell
