// Packets, with descriptors, over a SOCK_SEQPACKET socket, driven by a process's loop.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "vmm/base/descriptors.h"
#include "vmm/base/unique_fd.h"

namespace hive::wire {

/// Reads the packets that come, which may be hostile, and sends some. Nothing blocks. Handlers run
/// from the loop, never from within a call to the socket (but for drain()), and may destroy it.
class PacketSocket {
 public:
  /// Descriptors in one packet.
  static constexpr std::size_t kMaxFiles = kMaxSentFiles;

  struct Handlers {
    /// A packet with what came with it; valid during the call.
    std::function<void(std::string_view packet, std::vector<UniqueFd> files)> on_packet;
    /// A packet that is longer than the limit, or had more than kMaxFiles; its content is lost.
    std::function<void()> on_overlong = [] {};
    /// The other end is gone or sends no more, or an error. The last call.
    std::function<void()> on_closed = [] {};
  };

  /// Takes FD. MAX_PACKET is the longest packet in bytes.
  PacketSocket(boost::asio::io_context& loop, UniqueFd fd, std::size_t max_packet,
               Handlers handlers);
  PacketSocket(const PacketSocket&) = delete;
  PacketSocket& operator=(const PacketSocket&) = delete;
  PacketSocket(PacketSocket&&) = delete;
  PacketSocket& operator=(PacketSocket&&) = delete;
  ~PacketSocket();

  /// Sends PACKET with copies of FILES, at most kMaxFiles. False when it is lost: the other end is
  /// gone, or does not read and the socket's buffer is full.
  bool send(std::string_view packet, std::span<const int> files = {});
  /// Whether the other end has left unread so much that half of the socket's buffer is taken.
  [[nodiscard]] bool is_half_full() const;

  /// Packets are left unread from now on, so that the other end finds no room once the buffer is
  /// full; nor is its end noticed. resume() goes on.
  void hold();
  void resume();

  /// Hands over the packets that have come but were not read yet, as when the other end is gone.
  void drain();

  /// As open_peer_process() of local_socket.h.
  [[nodiscard]] UniqueFd open_peer_process() const;

 private:
  class Core;
  std::shared_ptr<Core> core_;  ///< Shared with the wait that is under way.
};

/// The bytes of a plain struct as a packet.
template <typename Struct>
std::string_view as_packet(const Struct& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

}  // namespace hive::wire
