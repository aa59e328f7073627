// What monitors say to each other to recover. docs/recovery.md says what each message means.
//
// On the wire each is kMessageSize bytes, little endian:
//
//   0  u32  kMagic         8  u64  epoch           24  u32  incarnation, 0 where there is none
//   4  u16  kVersion      16  u64  sender's life   28  u8   phase, 0 where there is none
//   6  u8   kind                                   29  three zeros
//   7  u8   sender
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>

#include "cellmon/agree/decision.h"
#include "cellmon/agree/view.h"
#include "cellmon/recover/steps.h"
#include "vmm/base/ids.h"

namespace hive::recover {

inline constexpr std::uint32_t kMagic = 0x56435248;  ///< "HRCV".
inline constexpr std::uint16_t kVersion = 1;
inline constexpr std::size_t kMessageSize = 32;
using Wire = std::array<std::uint8_t, kMessageSize>;

enum class Kind : std::uint8_t {
  kReport = 1,  ///< To the coordinator: the sender has come to `phase`.
  kGo,          ///< From the coordinator: all have come to `phase`.
  kReboot,      ///< From the coordinator, to a monitor that is out, about its cell's `incarnation`:
                ///< the others have recovered from its end; end what is left of it and join again.
  kReturning,   ///< The answer, by the monitor of `incarnation`: it will.
};

/// All are about the view `epoch`, from 1.
struct Message {
  Kind kind{};
  CellId from = agree::kNobody;
  std::uint64_t epoch = 0;
  agree::Life life = 0;         ///< The sender's; 0 only for one that is out.
  Incarnation incarnation = 0;  ///< For kReboot and kReturning.
  Phase phase = Phase::kNone;   ///< For kReport and kGo: not kNone.

  friend bool operator==(const Message&, const Message&) = default;
};

Wire encode(const Message& message);
/// The message that BYTES are, or nothing where they are none: wrong size or version, a number out
/// of range, or one that this kind does not have. It may still not fit what the receiver knows.
std::optional<Message> decode(std::span<const std::uint8_t> bytes);

static_assert(std::is_trivially_copyable_v<Message>);

}  // namespace hive::recover
