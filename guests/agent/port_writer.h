// The frames on their way to the monitor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace hive::agent {

/// A queue of frames before a descriptor that does not block. Each frame is offered to the port in
/// one write, which the guest's kernel takes whole: an agent that is killed leaves no part of one.
class PortWriter {
 public:
  explicit PortWriter(int fd) : fd_(fd) {}

  void send(std::uint16_t type, std::uint32_t session, std::string_view payload);

  /// Whether a source of output may add to the queue.
  [[nodiscard]] bool has_room() const { return queued_ < kRoom; }
  [[nodiscard]] bool pending() const { return !frames_.empty(); }

  /// Writes what the port takes now. False when the port failed.
  [[nodiscard]] bool flush();

 private:
  static constexpr std::size_t kRoom = 64 * 1024;

  int fd_;
  std::deque<std::string> frames_;
  std::size_t written_ = 0;  ///< Bytes of the first frame that are out.
  std::size_t queued_ = 0;
};

}  // namespace hive::agent
