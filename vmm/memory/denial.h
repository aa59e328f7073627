// What a home's monitor and a VMM say to each other about a write that the firewall stops: packets
// of a SOCK_SEQPACKET socket, one struct each, in the host's byte order. Each home has a socket of
// its own to each VMM.
//
// The monitor sends a Denial for each write that waits and may not go on; the VMM makes it fail and
// sends a DenialAnswer. Until the answer the page cannot be written by that VMM's cell, so a grant
// of it waits for the answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace hive::memory {

struct Denial {
  std::uint64_t sequence;  ///< The monitor's number for it, which the answer repeats.
  std::uint64_t offset;    ///< Of the page within the home's contribution, in bytes.
  std::int32_t thread;     ///< The thread that waits, as BlockedWrite has it.
  std::uint32_t reserved;
};

enum class DenialOutcome : std::uint32_t {
  kStopped = 1,  ///< The write was stopped: a violation.
  kMoot = 2,     ///< The thread no longer waited there.
};

struct DenialAnswer {
  std::uint64_t sequence;
  std::uint64_t rip;      ///< The guest's instruction; 0 where a device wrote.
  std::uint32_t outcome;  ///< DenialOutcome.
  std::int32_t vcpu;      ///< Index, or -1 where a device wrote.
};

static_assert(sizeof(Denial) == 24 && offsetof(Denial, thread) == 16);
static_assert(sizeof(DenialAnswer) == 24 && offsetof(DenialAnswer, outcome) == 16);
static_assert(std::is_trivially_copyable_v<Denial> && std::is_trivially_copyable_v<DenialAnswer>);

}  // namespace hive::memory
