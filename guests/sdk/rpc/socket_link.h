// Frames over a connected stream socket: vsock, or a Unix socket.
#pragma once

#include <poll.h>

#include <atomic>
#include <mutex>

#include "guests/sdk/rpc/link.h"
#include "vmm/base/unique_fd.h"

namespace hive::rpc {

class SocketLink : public Link {
 public:
  /// Past this many bytes that the socket did not take, send() is full.
  static constexpr std::size_t kMostUnsent = std::size_t{256} * 1024;

  /// SOCKET is made non-blocking. PEER_CID as Link::peer_cid().
  explicit SocketLink(UniqueFd socket, std::uint32_t peer_cid = 0);

  /// Whether it has the descriptors that it takes; of no use where not.
  [[nodiscard]] bool valid() const { return socket_.valid() && wakeup_.valid(); }

  Sent send(const hive_rpc_frame& header, ByteView payload) override;
  Received receive(Frame& frame, Clock::time_point end) override;
  void wake() override;
  void close() override;
  [[nodiscard]] bool has_room() const override { return unsent_size_ < kMostUnsent; }
  [[nodiscard]] hive_rpc_fault fault() const override { return fault_; }
  [[nodiscard]] std::uint32_t peer_cid() const override { return peer_cid_; }
  [[nodiscard]] int fd() const override { return socket_.get(); }
  [[nodiscard]] bool wants_write() const override { return unsent_size_ > 0; }
  [[nodiscard]] short poll_events(bool reads) const override {
    return static_cast<short>((reads ? POLLIN : 0) | (wants_write() ? POLLOUT : 0));
  }
  [[nodiscard]] bool pending() const override { return start_ < stop_; }

 private:
  /// What a step of receive() came to.
  enum class Step : std::uint8_t { kFrame, kMore, kEmpty, kEnded, kBroken };

  Received receive_next(Frame& frame, Clock::time_point end);
  Received wait(Clock::time_point end);
  Step read_on(Frame& frame);
  Step fill_stage();
  Step take_header();
  Step take_payload();
  Step finish(Frame& frame);
  Step read_payload();
  bool flush();
  bool keep_unsent(ByteView head, ByteView payload, std::size_t sent);

  UniqueFd socket_;
  UniqueFd wakeup_;  ///< An eventfd.
  std::uint32_t peer_cid_;
  std::atomic<bool> closed_{false};

  // Of the thread that receives.
  Bytes stage_;  ///< Read from the socket and not looked at yet: start_ to stop_.
  std::size_t start_ = 0;
  std::size_t stop_ = 0;
  hive_rpc_frame header_{};
  bool has_header_ = false;
  Bytes payload_;  ///< The first filled_ bytes have come.
  std::size_t filled_ = 0;
  hive_rpc_fault fault_ = HIVE_RPC_FAULT_NONE;

  std::mutex sending_;
  Bytes unsent_;  ///< From unsent_start_ on.
  std::size_t unsent_start_ = 0;
  bool is_deaf_ = false;  ///< The peer.
  std::atomic<std::size_t> unsent_size_{0};
  std::atomic<bool> sleeping_{false};  ///< receive() may be in poll() without looking for room.
};

}  // namespace hive::rpc
