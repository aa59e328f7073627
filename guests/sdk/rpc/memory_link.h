// Frames through memory that two cells share, after a beginning over a socket.
//
// A link is born on a socket, and stays there where either end has no memory of its own. Else the
// caller's end and the callee's agree on two rings while hello and welcome go by (HIVE_RPC_SETUP),
// which neither a client nor a server sees. From then on the socket only shows whether the peer
// lives: its end is the link's.
//
// Who receives spins on the ring's index first, as long as that was worth it lately. Then it sleeps
// in poll(2): on the socket, on its own wakeup, and until a doorbell rings. The peer rings one only
// where it finds in this cell's wait table that somebody waits. No wake-up is lost, since both ways
// of sleeping keep the order of guests/sdk/events/events.h: a thread that waits for one link (this
// file) forgets and enables interrupts, publishes itself, fences, looks at the ring, and polls. A
// thread that waits for many (the server's) forgets and enables once, by Listener::rest(), and then
// has each link publish, fence and look, by arm(); what rings for any of them from there on comes
// after what was forgotten, so poll(2) finds the listener readable. Its listener is its own: nobody
// else forgets what it waits for. What events.h says of doorbells that ring before the end of an
// interrupt that was forgotten holds here too: both sleep no longer than the listener says.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "guests/sdk/events/spin_bound.h"
#include "guests/sdk/rpc/memory_path.h"
#include "guests/sdk/rpc/socket_link.h"

namespace hive::rpc {

class MemoryLink : public Link {
 public:
  enum class Role : std::uint8_t { kCaller, kCallee };

  MemoryLink(std::unique_ptr<SocketLink> socket, std::shared_ptr<MemoryHub> hub, Role role);
  ~MemoryLink() override;

  /// Whether it has the descriptors that it takes; of no use where not.
  [[nodiscard]] bool valid() const { return wakeup_.valid(); }

  Sent send(const hive_rpc_frame& header, ByteView payload) override;
  Received receive(Frame& frame, Clock::time_point end) override;
  void wake() override;
  void close() override;
  [[nodiscard]] bool has_room() const override;
  [[nodiscard]] hive_rpc_fault fault() const override;
  [[nodiscard]] std::uint32_t peer_cid() const override { return socket_->peer_cid(); }
  [[nodiscard]] bool is_in_memory() const override { return is_up(); }
  [[nodiscard]] bool is_same_peer() const override { return !is_up() || path_->is_same_peer(); }
  [[nodiscard]] int fd() const override { return socket_->fd(); }
  [[nodiscard]] bool wants_write() const override;
  [[nodiscard]] short poll_events(bool reads) const override;
  [[nodiscard]] bool pending() const override;
  [[nodiscard]] bool can_flush() override { return is_up() && path_->can_flush(); }
  [[nodiscard]] bool is_quick() const override { return is_up(); }
  [[nodiscard]] bool is_settling_soon() const override { return is_settling(); }
  bool arm(bool reads) override;
  void disarm() override;

 private:
  [[nodiscard]] bool is_up() const { return up_.load(std::memory_order_acquire); }

  // memory_setup.cpp
  Sent send_hello(hive_rpc_frame header, ByteView payload);
  Sent send_welcome(hive_rpc_frame header, ByteView payload);
  Received receive_before(Frame& frame, Clock::time_point end);
  Received take_welcome(Frame& frame, Clock::time_point end);
  Received propose(Clock::time_point end);
  Received take_answer(const Frame& frame);
  Received take_proposal(const Frame& frame);
  [[nodiscard]] bool is_settling() const { return proposal_.has_value(); }
  [[nodiscard]] bool can_settle() const;
  Received settle();
  bool send_setup(const Frame& like, const hive_rpc_setup& setup);
  bool go_up(const hive_rpc_setup& theirs);

  Received receive_next(Frame& frame, Clock::time_point end);
  Received look_at_socket();
  Received wait(Clock::time_point end);
  [[nodiscard]] bool is_worth_a_look();
  Received sleep(Clock::time_point end);

  const std::unique_ptr<SocketLink> socket_;
  const std::shared_ptr<MemoryHub> hub_;
  const Role role_;

  UniqueFd wakeup_;  ///< An eventfd.
  std::atomic<bool> closed_{false};
  std::atomic<bool> woken_{false};
  std::atomic<bool> sleeping_{false};
  std::atomic<bool> up_{false};
  std::unique_ptr<MemoryPath> path_;  ///< Once up_ is set it does not change.

  // Of the thread that receives.
  bool offered_ = false;           ///< Both ends have said that they have memory.
  std::uint32_t callee_cell_ = 0;  ///< As its welcome said.
  std::unique_ptr<OwnedSection> section_;
  std::optional<Frame> proposal_;  ///< Of a caller that waits for the answer.
  Clock::time_point settle_by_;
  hive_rpc_fault fault_ = HIVE_RPC_FAULT_NONE;
  bool socket_stirs_ = false;
  bool ended_ = false;  ///< The socket: what is in the ring still comes.
  Clock::time_point last_look_;
  sdk::SpinBound spin_bound_;
  Frame scratch_;
};

}  // namespace hive::rpc
