// Packets for which a ring had no room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "vmm/device/vsock/packet.h"

namespace hive::device::vsock {

/// A queue of packets for one sibling, in bounds.
class Backlog {
 public:
  static constexpr std::size_t kMostBytes = 16 * 1024 * 1024;
  /// What the resets of all connections take beyond that.
  static constexpr std::size_t kReserve = 1024 * 1024;
  /// What a packet takes beside its payload.
  static constexpr std::size_t kOverhead = 128;

  struct Packet {
    Header header;
    std::vector<std::byte> payload;
    std::uint32_t sent = 0;  ///< A stamp.
  };

  /// Whether a packet with LENGTH bytes of payload has room; a reset may use the reserve.
  [[nodiscard]] bool has_room(Op op, std::size_t length) const {
    return bytes_ + length + kOverhead <= kMostBytes + (op == Op::kReset ? kReserve : 0);
  }

  void push(Packet packet) {
    bytes_ += packet.payload.size() + kOverhead;
    packets_.push_back(std::move(packet));
  }

  [[nodiscard]] bool empty() const { return packets_.empty(); }
  [[nodiscard]] const Packet& front() const { return packets_.front(); }
  void pop() {
    bytes_ -= packets_.front().payload.size() + kOverhead;
    packets_.pop_front();
  }
  void clear() {
    packets_.clear();
    bytes_ = 0;
  }

 private:
  std::deque<Packet> packets_;
  std::size_t bytes_ = 0;
};

}  // namespace hive::device::vsock
