// Faults on the way from a sibling, for experiments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <vector>

#include "vmm/device/vsock/packet.h"
#include "vmm/device/vsock/time.h"

namespace hive::device::vsock {

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

/// A packet that is held for a while.
struct HeldPacket {
  Header header;
  std::vector<std::byte> payload;
  Clock::time_point due{};
  std::uint32_t sent = 0;  ///< A stamp.
};

/// Takes packets in order and gives them back with faults. A packet that waits holds up those
/// behind it. Holds at most kMost packets.
class FaultStage {
 public:
  static constexpr std::size_t kMost = 64;

  /// Uses FAULTS from now on. Packets that are held stay.
  void set(const PathFaults& faults);

  /// Whether packets have to go through push(): there are faults, or packets are held.
  [[nodiscard]] bool active() const { return any_ || !held_.empty() || swapped_; }
  [[nodiscard]] bool full() const { return held_.size() >= kMost; }

  /// Takes PACKET at time NOW. Returns whether anything was done to it. Not while full().
  bool push(HeldPacket packet, Clock::time_point now);

  /// The first packet, where it is due at NOW; else null.
  [[nodiscard]] const HeldPacket* front(Clock::time_point now);
  /// The first packet, due or not, after front() gave one.
  [[nodiscard]] const HeldPacket& first() const { return held_.front(); }
  void pop() { held_.pop_front(); }
  /// When there will be something, where there is nothing now.
  [[nodiscard]] std::optional<Clock::time_point> next() const;
  void clear();

 private:
  /// A packet that waits for one to change places with goes on alone after this time.
  static constexpr std::chrono::milliseconds kSwapLimit{20};

  [[nodiscard]] bool happens(std::uint32_t rate);
  void add(HeldPacket packet);

  PathFaults faults_;
  bool any_ = false;
  std::mt19937_64 random_;
  std::deque<HeldPacket> held_;
  std::optional<HeldPacket> swapped_;  ///< Goes after the next one.
};

}  // namespace hive::device::vsock
