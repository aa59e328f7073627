// What monitors of a machine say to each other: packets, one struct each, in the host's byte order
// (monitors of a machine run on one host). A monitor is trusted to follow the protocol, but may be
// wrong: what it sends is checked before use.
//
// Each pair of monitors has one link. The one whose cell has the higher number connects. Both send
// a Hello first; whatever comes before it, or does not fit, ends the link.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <variant>

#include "guests/abi/global_memory.h"
#include "vmm/base/ids.h"

namespace hive::mesh {

inline constexpr std::uint32_t kVersion = 2;

enum class Kind : std::uint32_t {
  kHello = 1,
  kAdmit,
  kLeave,
  kRequest,
  kReply,
  kUp,
  kRings,
};

/// Who this is, and its part of global memory. With descriptors: the contribution's file where
/// `contribution` is not 0, then HIVE_GLOBAL_VECTORS eventfds, its cell's doorbells.
struct Hello {
  Kind kind = Kind::kHello;
  std::uint32_t version = kVersion;
  std::uint32_t cell = 0;          ///< Its number.
  std::uint32_t cells = 0;         ///< In the machine.
  std::uint64_t contribution = 0;  ///< Bytes.
};

/// A VMM of the sender's cell has the receiver's contribution mapped. With two descriptors: the
/// write guard (vmm/memory/write_guard.h) and the socket for denials (vmm/memory/denial.h).
struct Admit {
  Kind kind = Kind::kAdmit;
  Incarnation incarnation = 0;
  std::uint64_t base = 0;  ///< Where that VMM has it mapped.
  std::uint64_t size = 0;  ///< Bytes.
};

/// The VMM of this incarnation of the sender's cell runs, and takes what is sent to it.
struct Up {
  Kind kind = Kind::kUp;
  Incarnation incarnation = 0;
};

/// The VMM of this incarnation of the sender's cell has ended, perhaps before it ran: its rights,
/// users and connections end.
struct Leave {
  Kind kind = Kind::kLeave;
  Incarnation incarnation = 0;
};

/// What the sender's guest asks of the receiver's cell.
struct Request {
  Kind kind = Kind::kRequest;
  std::uint32_t sequence = 0;  ///< The sender's number for it.
  hive_global_request request{};
};

struct Reply {
  Kind kind = Kind::kReply;
  std::uint32_t sequence = 0;  ///< The request's.
  hive_global_reply reply{};
};

/// The ring by which the receiver's cell sends packets to the sender's. With three descriptors: the
/// ring's file (vmm/memory/ring_file.h), its data event and its space event. Once, before the VMMs
/// of the two cells are started.
struct Rings {
  Kind kind = Kind::kRings;
  std::uint32_t reserved = 0;
};

using Packet = std::variant<Hello, Admit, Leave, Request, Reply, Up, Rings>;

/// Copies BYTES into the packet that they are, or nothing when they are none.
std::optional<Packet> parse_packet(std::string_view bytes);

static_assert(sizeof(Hello) == 24 && offsetof(Hello, contribution) == 16);
static_assert(sizeof(Admit) == 24 && offsetof(Admit, base) == 8);
static_assert(sizeof(Leave) == 8 && sizeof(Up) == 8 && sizeof(Rings) == 8);
static_assert(sizeof(Request) == 136 && offsetof(Request, request) == 8);
static_assert(sizeof(Reply) == 264 && offsetof(Reply, reply) == 8);
static_assert(std::is_trivially_copyable_v<Hello> && std::is_trivially_copyable_v<Admit> &&
              std::is_trivially_copyable_v<Leave> && std::is_trivially_copyable_v<Request> &&
              std::is_trivially_copyable_v<Reply> && std::is_trivially_copyable_v<Up> &&
              std::is_trivially_copyable_v<Rings>);

}  // namespace hive::mesh
