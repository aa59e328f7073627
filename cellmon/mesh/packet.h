// What monitors of a machine say to each other: packets, one struct each, in the host's byte order
// (monitors of a machine run on one host). A monitor is trusted to follow the protocol, but may be
// wrong: what it sends is checked before use.
//
// Each pair of monitors has one link. The one whose cell has the higher number connects. Both send
// a Hello first; whatever comes before it, or does not fit, ends the link.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <variant>

#include "guests/abi/global_memory.h"
#include "guests/abi/wax.h"
#include "vmm/base/ids.h"

namespace hive::mesh {

inline constexpr std::uint32_t kVersion = 8;

enum class Kind : std::uint32_t {
  kHello = 1,
  kAdmit,
  kLeave,
  kRequest,
  kReply,
  kUndo,
  kUp,
  kRings,
  kAgree,
  kProbe,
  kFindings,
  kRecover,
  kDown,
  kStopMachine,
  kKeptRing,
  kLoan,
  kHint,
  kMove,
};

/// Who this is, and its part of global memory. With descriptors: the contribution's file where
/// `contribution` is not 0, then HIVE_GLOBAL_VECTORS eventfds, its cell's doorbells, both only
/// where the machine has global memory; then the state page's file (cellmon/member/state_page.h),
/// where the sender has one.
struct Hello {
  Kind kind = Kind::kHello;
  std::uint32_t version = kVersion;
  std::uint32_t cell = 0;          ///< Its number.
  std::uint32_t cells = 0;         ///< In the machine.
  std::uint64_t contribution = 0;  ///< Bytes.
  /// Which process it is, of those that have been this cell's monitor: a later one has a higher
  /// number. From 1.
  std::uint64_t life = 1;
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

/// The sender waits no more for the answer to its Request of this number: what that has made, if it
/// got there, is to be destroyed. Said again over each later link to the same process.
struct Undo {
  Kind kind = Kind::kUndo;
  std::uint32_t sequence = 0;
};

/// The ring by which the receiver's cell sends packets to the sender's. With three descriptors: the
/// ring's file (vmm/memory/ring_file.h), its data event and its space event. Once to each process
/// that is the receiver's monitor, before it starts a VMM.
struct Rings {
  Kind kind = Kind::kRings;
  std::uint32_t reserved = 0;
};

/// The ring by which the sender's cell sends packets to the receiver's, made by an earlier monitor
/// of the receiver's cell: that is to go on with it. With the ring's three descriptors, or none
/// where there is no such ring; before the sender's Rings. Each later monitor (Hello::life) gets
/// one.
struct KeptRing {
  Kind kind = Kind::kKeptRing;
  Incarnation last = 0;  ///< The last of the receiver's cell that the sender's VMMs have heard of.
};

/// A message of agreement (cellmon/agree/message.h): only the first `size` of `bytes` are sent.
struct Agree {
  static constexpr std::size_t kMaxBytes = 1344;

  Kind kind = Kind::kAgree;
  std::uint32_t size = 0;  ///< From 1 to kMaxBytes.
  std::array<char, kMaxBytes> bytes;

  /// BYTES, at most kMaxBytes, as a packet.
  static Agree of(std::string_view bytes);
  [[nodiscard]] std::string_view message() const { return {bytes.data(), size}; }
};

/// How is the receiver's cell? The answer is Findings, as soon as the receiver's loop gets to it.
struct Probe {
  Kind kind = Kind::kProbe;
  std::uint32_t number = 0;  ///< The sender's number for it.
};

/// What the sender holds against its own cell.
struct Findings {
  Kind kind = Kind::kFindings;
  std::uint32_t number = 0;    ///< The probe's.
  std::uint16_t evidence = 0;  ///< Bits of agree::Evidence; 0: the cell is well.
  std::array<std::uint8_t, 6> reserved{};
};

/// A message of recovery (cellmon/recover/message.h).
struct Recover {
  Kind kind = Kind::kRecover;
  std::uint32_t reserved = 0;
  std::array<std::uint8_t, 32> message{};
};

/// The sender's cell is taken down, as somebody has asked for: its end is no failure.
struct Down {
  Kind kind = Kind::kDown;
  std::uint32_t reserved = 0;
};

/// All cells are to be shut down, since `cell` has failed.
struct StopMachine {
  Kind kind = Kind::kStopMachine;
  std::uint32_t cell = 0;
};

/// Memory lent between the sender's cell and the receiver's, both ways, as the sender has it now:
/// each word stands for itself, and a later one takes its place (cellmon/sharing/loans.h). Blocks
/// are of 2 MiB.
struct LoanWord {
  std::uint64_t number = 0;     ///< Of the sender's words to the receiver: grows, from 1.
  std::uint64_t seen = 0;       ///< The last number that came from the receiver over this link.
  std::uint64_t life = 0;       ///< Stands for the sender's VMM and its monitor; 0: none runs.
  std::uint64_t peer_life = 0;  ///< The receiver's life that `granted` is for; 0: none.
  std::uint32_t granted = 0;    ///< Blocks of the sender's that the receiver may use.
  std::uint32_t held = 0;       ///< Blocks of the receiver's that the sender uses, or could still.

  friend bool operator==(const LoanWord&, const LoanWord&) = default;
};

struct Loan {
  Kind kind = Kind::kLoan;
  std::uint32_t reserved = 0;
  LoanWord word;
};

/// What Wax advises the receiver's cell, from the monitor of the policy's cell: checked by nobody
/// yet (cellmon/sharing/hint_gate.h).
struct Hint {
  Kind kind = Kind::kHint;
  std::uint32_t reserved = 0;
  hive_wax_hint hint{};
};

/// What the two ends of a section's move say to each other (cellmon/placement/departure.h): the
/// home that it leaves, its *source*, and the one that it comes to, its *target*.
enum class MoveStep : std::uint32_t {
  kOffer = 1,  ///< Source: `pages` pages under `name` want to come.
  kReserved,   ///< Target: there is a place for them.
  kCopy,     ///< Source: they are frozen at `first`; copy them. With the rights to them, see Move.
  kCopying,  ///< Target: it is at that.
  kCopied,   ///< Target: it has them, and waits for kPublish or kCancel.
  kPublish,  ///< Source: they are the target's from now on; nobody else has them.
  kPublished,  ///< Target: so it is.
  kCancel,     ///< Source: they stay.
  kOver,       ///< Target: it knows of no such move, or gives it up for `fault`.
};

/// Why a section does not move.
enum class MoveFault : std::uint32_t {
  kNone = 0,
  kNoRoom,     ///< The target has no room for it, or none for others' sections.
  kNameTaken,  ///< The target has a section of that name.
  kTooMany,    ///< The target has its limit of sections.
  kNoGuest,    ///< No guest of the target runs.
  kOtherView,  ///< The two ends have not the same view of the machine.
  kCancelled,
  kNotCopied,  ///< The content or the rights cannot be copied.
  kRefused,    ///< The target would not have it otherwise.
};
inline constexpr std::uint32_t kLastMoveFault = 8;

struct MoveWord {
  std::uint64_t number = 0;  ///< The source's for the move, from 1; it grows.
  std::uint64_t life = 0;    ///< Of the source's monitor (Hello::life).
  std::uint64_t epoch = 0;   ///< Of the sender's view.
  MoveStep step{};
  MoveFault fault{};          ///< Of kOver.
  std::uint32_t section = 0;  ///< The sender's number for it; 0: it has none yet.
  std::uint32_t creator = 0;  ///< The cell that made it.
  std::uint64_t first = 0;    ///< Its place in the sender's contribution.
  std::uint64_t pages = 0;
  std::uint64_t holders = 0;  ///< Of kCopy: the cells that have rights, by bits.
  std::array<char, HIVE_GLOBAL_NAME_SIZE> name{};  ///< Of kOffer. Ends in a NUL.

  friend bool operator==(const MoveWord&, const MoveWord&) = default;
};

/// With a descriptor where the step is kCopy: a file with the rights of `holders`
/// (cellmon/firewall/section_rights.h).
struct Move {
  Kind kind = Kind::kMove;
  std::uint32_t reserved = 0;
  MoveWord word;
};

using Packet = std::variant<Hello, Admit, Leave, Request, Reply, Undo, Up, Rings, Agree, Probe,
                            Findings, Recover, Down, StopMachine, KeptRing, Loan, Hint, Move>;

/// Copies BYTES into the packet that they are, or nothing when they are none.
std::optional<Packet> parse_packet(std::string_view bytes);
/// PACKET, one of the above, as it goes over the link; valid as long as PACKET.
template <typename Struct>
std::string_view as_bytes(const Struct& packet) {
  return {reinterpret_cast<const char*>(&packet), sizeof packet};
}
std::string_view as_bytes(const Agree& packet);

static_assert(sizeof(Hello) == 32 && offsetof(Hello, contribution) == 16 &&
              offsetof(Hello, life) == 24);
static_assert(sizeof(Admit) == 24 && offsetof(Admit, base) == 8);
static_assert(sizeof(Leave) == 8 && sizeof(Up) == 8 && sizeof(Rings) == 8 && sizeof(KeptRing) == 8);
static_assert(sizeof(Request) == 136 && offsetof(Request, request) == 8);
static_assert(sizeof(Reply) == 264 && offsetof(Reply, reply) == 8);
static_assert(sizeof(Undo) == 8 && std::is_trivially_copyable_v<Undo>);
static_assert(sizeof(Agree) == 8 + Agree::kMaxBytes && offsetof(Agree, bytes) == 8);
static_assert(sizeof(Down) == 8 && sizeof(StopMachine) == 8);
static_assert(std::is_trivially_copyable_v<Down> && std::is_trivially_copyable_v<StopMachine>);
static_assert(sizeof(Recover) == 40 && offsetof(Recover, message) == 8);
static_assert(sizeof(LoanWord) == 40 && offsetof(LoanWord, granted) == 32);
static_assert(sizeof(Loan) == 48 && offsetof(Loan, word) == 8);
static_assert(sizeof(Hint) == 40 && offsetof(Hint, hint) == 8);
static_assert(sizeof(MoveWord) == 128 && offsetof(MoveWord, step) == 24 &&
              offsetof(MoveWord, first) == 40 && offsetof(MoveWord, name) == 64);
static_assert(sizeof(Move) == 136 && offsetof(Move, word) == 8);
static_assert(std::is_trivially_copyable_v<Move>);
static_assert(std::is_trivially_copyable_v<Loan> && std::is_trivially_copyable_v<Hint>);
static_assert(sizeof(Probe) == 8 && sizeof(Findings) == 16 && offsetof(Findings, evidence) == 8);
static_assert(std::is_trivially_copyable_v<Agree> && std::is_trivially_copyable_v<Findings> &&
              std::is_trivially_copyable_v<Probe> && std::is_trivially_copyable_v<Recover>);
static_assert(std::is_trivially_copyable_v<Hello> && std::is_trivially_copyable_v<Admit> &&
              std::is_trivially_copyable_v<Leave> && std::is_trivially_copyable_v<Request> &&
              std::is_trivially_copyable_v<Reply> && std::is_trivially_copyable_v<Up> &&
              std::is_trivially_copyable_v<Rings> && std::is_trivially_copyable_v<KeptRing>);

}  // namespace hive::mesh
