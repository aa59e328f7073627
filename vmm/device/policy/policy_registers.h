// The registers through which Wax knows its machine and says what it advises.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "guests/abi/wax.h"
#include "vmm/base/token_bucket.h"

namespace hive::device {

/// What the read-only registers say.
struct PolicyFacts {
  std::uint32_t cells = 0;  ///< Of the machine, at most HIVE_GLOBAL_MAX_CELLS.
  std::uint32_t cpus = 0;   ///< Of the host; 0: unknown.
  std::uint64_t epoch = 0;
  std::uint32_t incarnation = 0;
  std::uint32_t round_ms = 250;
};

/// struct hive_wax_registers (guests/abi/wax.h) as a pure state machine. Accesses may have any
/// offset and width: what lies outside reads as 0, and stores there do nothing. Not thread-safe.
///
/// However often the guest submits, at most HIVE_WAX_MAX_HINTS hints come out at once and
/// HIVE_WAX_HINT_RATE a second for each cell after that; and HIVE_WAX_MAX_BEATS heartbeats at once,
/// and in the time of each round after that. Hints beyond that are counted and lost; a heartbeat
/// says what those before it said.
class PolicyRegisters {
 public:
  /// Takes a hint, copied once, as the guest wrote it: nothing of it is checked. False: there is no
  /// room for it, and it is lost.
  using HintSink = std::function<bool(const hive_wax_hint& hint)>;
  /// Takes what the guest wrote to the heartbeat, and how many hints were lost so far.
  using BeatSink = std::function<void(std::uint64_t heartbeat, std::uint64_t dropped)>;
  /// The host's monotonic clock, in nanoseconds.
  using Clock = std::function<std::uint64_t()>;

  PolicyRegisters(const PolicyFacts& facts, Clock clock, HintSink on_hint, BeatSink on_beat);

  void read(std::uint64_t offset, std::span<std::byte> data);
  /// Calls a sink where the guest asks for it.
  void write(std::uint64_t offset, std::span<const std::byte> data);

 private:
  void submit();
  void beat();

  hive_wax_registers image_{};  ///< As a guest reads it, but for the clock.
  Clock clock_;
  HintSink on_hint_;
  BeatSink on_beat_;
  TokenBucket hints_;
  TokenBucket beats_;
};

}  // namespace hive::device
