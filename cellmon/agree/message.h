// What monitors say to each other to agree: packets, one struct each, in the host's byte order
// (monitors of a machine run on one host). A monitor follows the protocol but may be wrong: what it
// sends is checked before use. docs/agreement.md says what each message means.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <variant>

#include "cellmon/agree/decision.h"
#include "cellmon/agree/opinion.h"

namespace hive::agree {

/// So high that no slot gets there, and so low that ballots can be counted on from it.
inline constexpr std::uint32_t kMaxBallot = 1U << 30U;

enum class Kind : std::uint32_t {
  kAlert = 0x41475201,
  kVote,
  kPropose,
  kAccepted,
  kDecided,
  kAsk,
  kState,
  kJoin,
};

struct Header {
  Kind kind{};
  CellId from = kNobody;
  std::array<std::uint8_t, 3> reserved{};
  Life life = 0;  ///< The sender's; 0 only for one that is not a member (kAsk).
  std::uint64_t slot =
      0;  ///< What this is about; for kAsk and kJoin what the sender is at, 0: unknown.
};

/// There are suspects or joiners to decide on, in BALLOT or a later one. From who leads the ballot:
/// vote.
struct Alert {
  Header header;
  std::uint32_t ballot = 0;  ///< From 1, as everywhere.
  std::uint32_t reserved = 0;
  CellSet suspects;
};

/// To the leader of BALLOT: the sender accepts nothing in earlier ones.
struct Vote {
  Header header;
  std::uint32_t ballot = 0;
  std::uint32_t reserved = 0;
  Opinion opinion;
};

/// The leader of BALLOT asks to accept DECISION.
struct Propose {
  Header header;
  std::uint32_t ballot = 0;
  std::uint32_t reserved = 0;
  Decision decision;
};

/// To the leader of BALLOT: its decision is accepted.
struct Accepted {
  Header header;
  std::uint32_t ballot = 0;
  std::uint32_t reserved = 0;
  CellSet over;  ///< As in Opinion.
};

/// A quorum has accepted DECISION for the header's slot.
struct Decided {
  Header header;
  Decision decision;
};

/// Asks for State: the sender has heard of a later slot.
struct Ask {
  Header header;
};

/// All that is decided before slot `agreed.slot`, which is the header's.
struct State {
  Header header;
  Agreed agreed;
};

/// The sender, who is no member, asks to be let in under the header's life.
struct Join {
  Header header;
};

using Message = std::variant<Alert, Vote, Propose, Accepted, Decided, Ask, State, Join>;

/// Copies BYTES into the message that they are, or nothing when they are none: wrong size, a number
/// out of range, or at odds with itself. It may still not fit what the receiver knows.
std::optional<Message> parse_message(std::string_view bytes);
/// MESSAGE as it goes over the link; valid as long as MESSAGE.
std::string_view as_bytes(const Message& message);
const Header& header_of(const Message& message);

static_assert(sizeof(Header) == 24 && offsetof(Header, life) == 8 && offsetof(Header, slot) == 16);
static_assert(sizeof(Alert) == 40 && offsetof(Alert, suspects) == 32);
static_assert(sizeof(Vote) == 256 && offsetof(Vote, opinion) == 32);
static_assert(sizeof(Propose) == 80 && offsetof(Propose, decision) == 32);
static_assert(sizeof(Accepted) == 40 && offsetof(Accepted, over) == 32);
static_assert(sizeof(Decided) == 72 && offsetof(Decided, decision) == 24);
static_assert(sizeof(Ask) == 24 && sizeof(Join) == 24);
static_assert(sizeof(State) == 1344 && offsetof(State, agreed) == 24);

}  // namespace hive::agree
