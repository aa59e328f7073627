// The connections between the guest and one sibling.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

#include "vmm/device/vsock/credit.h"
#include "vmm/device/vsock/packet.h"
#include "vmm/device/vsock/time.h"

namespace hive::device::vsock {

/// Who sends: the guest or its sibling.
enum class Side : std::uint8_t { kGuest, kPeer };
constexpr Side other_side(Side side) { return side == Side::kGuest ? Side::kPeer : Side::kGuest; }

struct Connection {
  std::uint16_t type = kStream;
  Side caller = Side::kGuest;
  bool open = false;  ///< The call was answered.
  Clock::time_point since{};
  CreditWindow to_guest;
  CreditWindow to_peer;

  [[nodiscard]] CreditWindow& window_to(Side side) {
    return side == Side::kGuest ? to_guest : to_peer;
  }
};

/// At most kMost connections, by their two ports.
class Connections {
 public:
  static constexpr std::size_t kMost = 4096;
  /// A call that was not answered for so long makes room for others. Linux gives up after 2
  /// seconds, and says nothing.
  static constexpr std::chrono::seconds kCallLimit{10};
  /// How often such calls are looked for: who calls on and on must not have all gone through.
  static constexpr std::chrono::seconds kSweepPause{1};

  struct Ports {
    std::uint32_t guest = 0;
    std::uint32_t peer = 0;
    friend auto operator<=>(const Ports&, const Ports&) = default;
  };

  [[nodiscard]] Connection* find(Ports ports) {
    const auto found = table_.find(ports);
    return found == table_.end() ? nullptr : &found->second;
  }

  /// Begins a connection, in place of one with the same ports. Null when there are too many.
  Connection* add(Ports ports, Clock::time_point now) {
    if (table_.size() >= kMost && find(ports) == nullptr) {
      if (now >= next_sweep_) sweep(now);
      if (table_.size() >= kMost) return nullptr;
    }
    Connection& connection = table_[ports] = Connection{};
    connection.since = now;
    return &connection;
  }

  void erase(Ports ports) { table_.erase(ports); }
  [[nodiscard]] std::size_t size() const { return table_.size(); }

  /// Calls EACH with the ports and the connection of all there are, and forgets them.
  template <typename Each>
  void take_all(Each each) {
    for (const auto& [ports, connection] : std::exchange(table_, {})) each(ports, connection);
  }

 private:
  void sweep(Clock::time_point now) {
    next_sweep_ = now + kSweepPause;
    std::erase_if(table_, [now](const auto& entry) {
      return !entry.second.open && now - entry.second.since >= kCallLimit;
    });
  }

  // Ordered: whoever chooses ports could make all of them collide in a hash.
  std::map<Ports, Connection> table_;
  Clock::time_point next_sweep_{};
};

}  // namespace hive::device::vsock
