// The flow control of agent_protocol.h: how much of a session may be under way, per direction.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "guests/abi/agent_protocol.h"

namespace hive::abi {

/// The sender's side: what it may still send.
class SendWindow {
 public:
  [[nodiscard]] std::size_t available() const { return available_; }
  /// BYTES were sent; at most available().
  void spend(std::size_t bytes) { available_ -= std::min(bytes, available_); }
  /// The receiver allows BYTES more. False when it allows more than a whole window: it broke the
  /// rules.
  [[nodiscard]] bool extend(std::uint32_t bytes) {
    if (bytes > HIVE_AGENT_WINDOW_BYTES - available_) return false;
    available_ += bytes;
    return true;
  }

 private:
  std::size_t available_ = HIVE_AGENT_WINDOW_BYTES;
};

/// The receiver's side: what the sender may still send, and what to allow next.
class ReceiveWindow {
 public:
  /// BYTES came in. False when they exceed the window: the sender broke the rules.
  [[nodiscard]] bool accept(std::size_t bytes) {
    if (bytes > open_) return false;
    open_ -= bytes;
    return true;
  }
  /// BYTES of those accepted were used. Returns what to allow the sender now: 0 until that is a
  /// quarter of a window, so that small pieces do not each cost a frame.
  [[nodiscard]] std::uint32_t release(std::size_t bytes) {
    used_ += bytes;
    if (used_ < HIVE_AGENT_WINDOW_BYTES / 4) return 0;
    const auto grant = static_cast<std::uint32_t>(used_);
    open_ += used_;
    used_ = 0;
    return grant;
  }
  /// All bytes accepted so far were used, or never will be. Returns what to allow the sender now.
  [[nodiscard]] std::uint32_t release_all() {
    const auto grant = static_cast<std::uint32_t>(HIVE_AGENT_WINDOW_BYTES - open_);
    open_ = HIVE_AGENT_WINDOW_BYTES;
    used_ = 0;
    return grant;
  }

 private:
  std::size_t open_ = HIVE_AGENT_WINDOW_BYTES;
  std::size_t used_ = 0;
};

}  // namespace hive::abi
