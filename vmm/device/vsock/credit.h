// How much payload may go in one direction of a connection.
#pragma once

#include <algorithm>
#include <cstdint>

namespace hive::device::vsock {

/// Follows what the receiver of one direction has made room for (virtio 1.2, 5.10.6.3), and what
/// went there. Both count bytes since the connection's start, modulo 2^32. Room once given is not
/// taken back: its user may not have heard of it yet. Buffers count as 2 GiB at most.
class CreditWindow {
 public:
  /// The receiver holds BUFFER bytes and its program has taken FORWARDED so far.
  void advertise(std::uint32_t buffer, std::uint32_t forwarded) {
    constexpr std::uint32_t kMost = 0x7fff'ffff;
    const std::uint32_t limit = forwarded + std::min(buffer, kMost);
    if (!known_ || static_cast<std::int32_t>(limit - limit_) > 0) limit_ = limit;
    known_ = true;
  }

  /// Takes room for BYTES. False, with nothing taken, where there is not as much.
  [[nodiscard]] bool spend(std::uint32_t bytes) {
    if (bytes > room()) return false;
    spent_ += bytes;
    return true;
  }

  [[nodiscard]] std::uint32_t room() const {
    const auto left = static_cast<std::int32_t>(limit_ - spent_);
    return known_ && left > 0 ? static_cast<std::uint32_t>(left) : 0;
  }

 private:
  std::uint32_t limit_ = 0;
  std::uint32_t spent_ = 0;
  bool known_ = false;
};

}  // namespace hive::device::vsock
